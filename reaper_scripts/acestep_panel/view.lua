-- The panel's widgets, drawn with ReaImGui (API 0.9). Asks the model; knows no external state.

local takes = require 'takes'

local view = {}
local RED, GREY = 0xE06C60FF, 0xA0A0A0FF
local WIDE = -1.0e-30 -- to the right edge, as ImGui has it

local function button(ui, label, tip)
  local pressed = ui.api.Button(ui.ctx, label)
  if tip then
    ui.api.SetItemTooltip(ui.ctx, tip)
  end
  return pressed
end

-- A drop-down list; the index of what was chosen just now, or nil.
local function choice(ui, label, preview, names)
  local api, ctx, chosen = ui.api, ui.ctx, nil
  if not api.BeginCombo(ctx, label, preview) then
    return nil
  end
  for index, name in ipairs(names) do
    if api.Selectable(ctx, ('%s##%d'):format(name, index)) then
      chosen = index
    end
  end
  api.EndCombo(ctx)
  return chosen
end

local function field(ui, model, name, label)
  local changed, text = ui.api.InputText(ui.ctx, label, model.fields[name])
  if changed then
    model:edit(name, text)
  end
  if ui.api.IsItemDeactivatedAfterEdit(ui.ctx) then
    model:store()
  end
end

local function words(ui, model)
  local api, ctx, history = ui.api, ui.ctx, model.state.history or {}
  api.SetNextItemWidth(ctx, WIDE)
  local changed, text = api.InputTextWithHint(ctx, '##tags', 'tags: house, 124 bpm, drums', model.fields.tags)
  if changed then
    model:edit('tags', text)
  end
  if api.IsItemDeactivatedAfterEdit(ctx) then
    model:store()
  end
  api.SetNextItemWidth(ctx, WIDE)
  local chosen = choice(ui, '##history', 'Earlier tags', history)
  if chosen then
    model:edit('tags', history[chosen])
    model:store()
  end
  api.TextColored(ctx, GREY, 'Lyrics of the new part')
  api.SetNextItemWidth(ctx, WIDE)
  local edited, lyrics = api.InputTextMultiline(ctx, '##lyrics', model.fields.lyrics, WIDE, 54)
  if edited then
    model:edit('lyrics', lyrics)
  end
  if api.IsItemDeactivatedAfterEdit(ctx) then
    model:store()
  end
end

local function preset_names(presets)
  local names = { 'No preset' }
  for index, preset in ipairs(presets) do
    names[index + 1] = preset.key and ('%d  %s'):format(preset.key, preset.name) or preset.name
  end
  return names
end

local function presets(ui, model)
  local api, ctx = ui.api, ui.ctx
  local found = model.state.presets or {}
  api.SetNextItemWidth(ctx, 150)
  local from = model.state.preset or ''
  local chosen = choice(ui, '##presets', from ~= '' and from or 'Presets', preset_names(found))
  if chosen then
    model:ask({ op = 'recall', preset = chosen > 1 and found[chosen - 1].name or '' })
  end
  api.SameLine(ctx)
  api.SetNextItemWidth(ctx, 120)
  local changed, name = api.InputTextWithHint(ctx, '##preset', 'name', model.preset_name)
  if changed then
    model.preset_name = name
  end
  api.SameLine(ctx)
  api.BeginDisabled(ctx, model.preset_name == '')
  if button(ui, 'Save', 'What is set here, under this name; surfaces have it too') then
    model:ask({ op = 'save', preset = model.preset_name })
  end
  api.EndDisabled(ctx)
end

local function numbers(ui, model)
  local api, ctx = ui.api, ui.ctx
  api.SetNextItemWidth(ctx, 110)
  field(ui, model, 'seed', 'Seed')
  api.SetItemTooltip(ctx, 'Empty: a new one each time')
  api.SameLine(ctx)
  local changed, locked = api.Checkbox(ctx, 'Lock', model.fields.seed ~= '')
  if changed then
    model:lock(locked)
  end
  api.SameLine(ctx)
  api.SetNextItemWidth(ctx, 90)
  local edited, count = api.InputInt(ctx, 'Variations', model:variations(), 1, 4)
  if edited then
    model:set_variations(count)
    model:store()
  end
  if model.state.seed then
    api.TextColored(ctx, GREY, ('Last seed %d'):format(math.tointeger(model.state.seed) or 0))
  end
end

local function renders(ui, model)
  local api, ctx = ui.api, ui.ctx
  if button(ui, 'New take', 'Regenerate the time selection as a new take') then
    model:ask({ op = 'regenerate', mode = 'take' })
  end
  api.SameLine(ctx)
  if button(ui, 'New track', 'Regenerate the time selection on a new track') then
    model:ask({ op = 'regenerate', mode = 'track' })
  end
  api.SameLine(ctx)
  if button(ui, 'Retake', 'A variation of the selected take') then
    model:ask({ op = 'retake' })
  end
  api.SameLine(ctx)
  if button(ui, 'Again', 'The selected take from its recipe, with a new seed') then
    model:ask({ op = 'again' })
  end
end

local function jobs(ui, model)
  local api, ctx = ui.api, ui.ctx
  local found = model.state.jobs or {}
  for _, job in ipairs(found) do
    api.Text(ctx, job.title .. (job.name ~= '' and ' (' .. job.name .. ')' or ''))
    api.ProgressBar(ctx, job.fraction, WIDE, 0, job.text)
  end
  if #found == 0 then
    api.TextColored(ctx, GREY, 'No job is running')
    return
  end
  if button(ui, 'Cancel last') then
    model:ask({ op = 'cancel', which = 'last' })
  end
  api.SameLine(ctx)
  if button(ui, 'Cancel all') then
    model:ask({ op = 'cancel', which = 'all' })
  end
end

local function auditioning(ui, model, found)
  local api, ctx = ui.api, ui.ctx
  for _, one in ipairs({
    { '<', 'previous', 'The take before' },
    { '>', 'next', 'The next take' },
    { 'A/B', 'compare', 'Between the take and what it was made from' },
    { 'Keep', 'keep', 'Keep this take, drop our others; your own takes stay' },
    { 'Reject', 'reject', 'Drop this take, if it is ours' },
  }) do
    local off = one[2] == 'reject' and not found.ours or one[2] == 'keep' and found.others == 0
    api.BeginDisabled(ctx, not found.lanes and (off or found.count < 2))
    if button(ui, one[1], one[3]) then
      model:ask({ op = one[2] })
    end
    api.EndDisabled(ctx)
    api.SameLine(ctx)
  end
  api.NewLine(ctx)
end

local function take_row(ui, model)
  local api, ctx, found = ui.api, ui.ctx, takes.of_selection()
  if not found then
    api.TextColored(ctx, GREY, 'Select an item to compare its takes')
    return
  end
  api.Text(ctx, ('%d/%d  %s'):format(found.at, found.count, found.name))
  auditioning(ui, model, found)
end

local function surface(ui, model)
  local api, ctx, set = ui.api, ui.ctx, model.state.surface
  if not set or not set.drives then
    return
  end
  api.SeparatorText(ctx, 'The control surface sets')
  if #set.fields == 0 then
    api.TextColored(ctx, GREY, 'nothing: what is set here counts')
  end
  for _, one in ipairs(set.fields) do
    api.TextWrapped(ctx, ('%s: %s'):format(one.name, one.value))
  end
end

local function daemon(ui, model)
  local api, ctx, found = ui.api, ui.ctx, model.state.daemon
  if not found then
    api.TextColored(ctx, GREY, 'The background script starts ...')
  elseif found.running then
    api.TextColored(ctx, GREY, 'Daemon: ' .. (found.model ~= '' and found.model or 'runs'))
  elseif found.starts then
    api.TextColored(ctx, GREY, 'The daemon starts with the first job')
  elseif button(ui, 'Start the daemon') then
    model:ask({ op = 'start' })
  end
end

local function messages(ui, model)
  local api, ctx = ui.api, ui.ctx
  local problem = model.link.problem ~= '' and model.link.problem or (model.failed and model.said or '')
  if problem ~= '' then
    api.PushStyleColor(ctx, api.Col_Text, RED)
    api.TextWrapped(ctx, problem)
    api.PopStyleColor(ctx)
  elseif model.state.said and model.state.said ~= '' then
    api.TextWrapped(ctx, model.state.said)
  end
end

-- Everything inside the window.
function view.draw(ui, model)
  words(ui, model)
  presets(ui, model)
  numbers(ui, model)
  renders(ui, model)
  ui.api.SeparatorText(ui.ctx, 'Jobs')
  jobs(ui, model)
  ui.api.SeparatorText(ui.ctx, 'Takes')
  take_row(ui, model)
  surface(ui, model)
  ui.api.Separator(ui.ctx)
  messages(ui, model)
  daemon(ui, model)
end

return view
