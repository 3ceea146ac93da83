ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Regenerate range",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[The selected range of the selected track is made anew, into a new region on a playlist of its own.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("regenerate")
end end
