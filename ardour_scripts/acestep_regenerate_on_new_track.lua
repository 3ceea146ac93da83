ardour {
  ["type"] = "EditorAction",
  name = "ACE-Step: Regenerate range on new track",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[The selected range of the selected track is made anew, as a region on a new track.]]
}

function factory () return function ()
  local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
  local actions = assert (loadfile (folder .. "/actions.lua")) (folder)
  actions.run ("regenerate_on_new_track")
end end
