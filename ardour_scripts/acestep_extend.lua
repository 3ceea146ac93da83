ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Extend to end of range",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[New music from the end of a region to the end of the selected range, on a playlist of its own.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("extend")
end end
