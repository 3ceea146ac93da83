ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Cancel",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[The newest job of this session is cancelled.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("cancel")
end end
