ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Settings",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[Tags, lyrics, variance, steps, seed, model.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("settings")
end end
