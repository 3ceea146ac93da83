-- The panel's window: opened by the entry script, drawn in each deferred cycle, closed by its cross or a second press.

local link = require 'link'
local model = require 'model'
local view = require 'view'

local app = {}
local TITLE = 'ACE-Step'
local CLOSE_BY_SECOND_PRESS, SHOW_ON, SHOW_OFF = 1, 4, 8 -- of set_action_options, REAPER 7

local function options(flags)
  if reaper.set_action_options then
    reaper.set_action_options(flags)
  end
end

-- Opens the window. `api` is ReaImGui's table of functions, `folder` holds the entry scripts.
function app.run(api, folder)
  local ctx = api.CreateContext(TITLE, api.ConfigFlags_DockingEnable)
  local ui, shown = { api = api, ctx = ctx }, model.new(link.new(folder))

  local function frame()
    shown:step()
    api.SetNextWindowSize(ctx, 400, 480, api.Cond_FirstUseEver)
    local visible, open = api.Begin(ctx, TITLE, true)
    if visible then
      view.draw(ui, shown)
      api.End(ctx)
    end
    if open then
      reaper.defer(frame)
    end
  end

  reaper.atexit(function()
    shown.link:close()
    options(SHOW_OFF)
  end)
  options(CLOSE_BY_SECOND_PRESS | SHOW_ON)
  reaper.defer(frame)
end

return app
