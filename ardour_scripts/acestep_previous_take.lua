ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Previous take",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[The playlist before plays on the selected track.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("previous_take")
end end
