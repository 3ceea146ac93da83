ardour {
  ["type"] = "EditorHook",
  name = "ACE-Step: Background",
  author = "acestep-bridge",
  license = "GPL-3.0-or-later",
  description = [[Sends and places the jobs of the ACE-Step actions, and shows how far they are.]]
}

function signals ()
  return LuaSignal.Set ():add ({ [LuaSignal.LuaTimerDS] = true })
end

function factory ()
  local background
  return function ()
    if not background then
      local folder = ARDOUR.LuaAPI.build_filename (ARDOUR.user_config_directory (-1), "acestep_bridge")
      background = assert (loadfile (folder .. "/background.lua")) (folder)
    end
    background.tick ()
  end
end
