ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Next take",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[The next playlist of the selected track plays.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("next_take")
end end
