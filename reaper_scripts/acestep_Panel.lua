-- @description Panel
-- @version 0.1.0
-- @author acestep
-- @about
--   A dockable window over the same queue as the other actions: tags, presets, seed, progress, takes.
--   It needs ReaImGui, which ReaPack installs; a second press closes it.
-- @changelog First version
-- @provides
--   [main] .
--   [nomain] acestep_panel/*.lua
--   [nomain] acestep_Background service.py
--   [nomain] acestep_reaper/**/*.py
--   [data] toolbar_icons/**/*.png
--   [tracktpl] track_templates/ACE-Step.RTrackTemplate > ACE-Step.RTrackTemplate

local folder = debug.getinfo(1, 'S').source:match('^@?(.*[/\\])') or ''

if not reaper.ImGui_GetBuiltinPath then
  local text = "ACE-Step: the panel needs ReaImGui: Extensions > ReaPack > Browse packages, install "
    .. "'ReaImGui: ReaScript binding for Dear ImGui', start REAPER again. The other actions do not need it."
  local x, y = reaper.GetMousePosition()
  reaper.Help_Set(text, false)
  reaper.TrackCtl_SetToolTip(text, x, y + 20, true)
  return
end

package.path = reaper.ImGui_GetBuiltinPath() .. '/?.lua'
local ImGui = require 'imgui' '0.9'
package.path = folder .. 'acestep_panel/?.lua'
local app = require 'app'

app.run(ImGui, folder)
