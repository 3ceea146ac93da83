ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Retake",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[A variation of what plays in the selected range, or of the selected region, on a playlist of its own.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("retake")
end end
