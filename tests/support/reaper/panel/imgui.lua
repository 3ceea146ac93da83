-- A strict stand-in for ReaImGui's functions that the panel uses: what is unknown, of a wrong type, unbalanced, or has an
-- id twice raises an error. It draws nothing; it keeps a list of widgets, and presses what a test wants pressed.
-- Signatures: ReaImGui's public documentation (API 0.9). c context, s text, d number, i integer, b true or false; what
-- follows `?` may be left out.

local SIGNATURES = {
  CreateContext = 's?i', Begin = 'cs?bi', End = 'c', SetNextWindowSize = 'cdd?i', SetNextItemWidth = 'cd',
  SameLine = 'c?dd', NewLine = 'c', Separator = 'c', SeparatorText = 'cs', Text = 'cs', TextWrapped = 'cs',
  TextColored = 'cis', PushStyleColor = 'cii', PopStyleColor = 'c?i', Button = 'cs?dd', Checkbox = 'csb',
  InputText = 'css?i', InputTextWithHint = 'csss?i', InputTextMultiline = 'css?ddi', InputInt = 'csi?iii',
  BeginCombo = 'css?i', EndCombo = 'c', Selectable = 'cs?bidd', ProgressBar = 'cd?dds', BeginDisabled = 'c?b',
  EndDisabled = 'c', SetItemTooltip = 'cs', IsItemDeactivatedAfterEdit = 'c',
}
local CONSTANTS = { Cond_FirstUseEver = 4, ConfigFlags_DockingEnable = 128, Col_Text = 0 }
local OUTSIDE = { CreateContext = true, Begin = true, SetNextWindowSize = true }
local TYPES = { s = 'string', d = 'number', b = 'boolean' }

local fake = { widgets = {}, stack = {}, pressed = {}, ids = {} }
local ImGui = {}

local function fits(letter, value)
  if letter == 'c' then
    return value == fake.context
  end
  return letter == 'i' and math.type(value) == 'integer' or TYPES[letter] == type(value)
end

local function check(name, signature, ...)
  local required = (signature:find('?', 1, true) or #signature + 1) - 1
  local letters, count = signature:gsub('?', ''), select('#', ...)
  assert(count >= required and count <= #letters, ('%s: %d arguments'):format(name, count))
  for index = 1, count do
    local value = select(index, ...)
    local free = index > required and value == nil
    assert(free or fits(letters:sub(index, index), value), ('%s: argument %d is %s'):format(name, index, tostring(value)))
  end
  assert(OUTSIDE[name] or #fake.stack > 0, name .. ' outside of a window')
end

local function push(what)
  fake.stack[#fake.stack + 1] = what
end

local function pop(what)
  local top = table.remove(fake.stack)
  assert(top == what, ('%s ends, but %s is open'):format(what, tostring(top)))
end

local function disabled()
  for _, what in ipairs(fake.stack) do
    if what == 'disabled' then
      return true
    end
  end
  return false
end

-- Adds a widget; `label` is its id, which must be the only one.
local function add(kind, label, more)
  local widget = more or {}
  widget.kind, widget.label, widget.disabled = kind, label, disabled()
  widget.same_line, fake.same_line = fake.same_line or false, nil
  widget.width, fake.width = fake.width, nil
  if label and kind ~= 'text' then
    assert(not fake.ids[label], ('two widgets have the id %s'):format(label))
    fake.ids[label] = true
  end
  fake.widgets[#fake.widgets + 1], fake.last, fake.left = widget, widget, false
  return widget
end

-- Whether a test presses this label (without what follows ##) in this frame.
local function pressed(label)
  local shown = label:gsub('##.*', '')
  for _, name in ipairs({ label, shown }) do
    if fake.input.press[name] and not disabled() then
      fake.pressed[name] = true
      return true
    end
  end
  return false
end

local function typed(label, value)
  local text = fake.input.type[label]
  if text == nil or disabled() then
    return false, value
  end
  fake.pressed[label], fake.left, fake.last.value = true, true, text
  return true, text
end

function ImGui.CreateContext(label)
  fake.context = 'context of ' .. label
  return fake.context
end

function ImGui.Begin(_, name, open)
  if fake.input.collapsed then
    return false, open
  end
  push('window')
  fake.title = name
  return true, open and not fake.input.close
end

function ImGui.End()
  pop('window')
end

function ImGui.SetNextItemWidth(_, width)
  fake.width = width
end

function ImGui.SameLine()
  assert(fake.last, 'SameLine before a widget')
  fake.same_line = true
end

function ImGui.NewLine()
  fake.same_line = nil
end

function ImGui.Separator()
  add('line')
end

function ImGui.SeparatorText(_, text)
  add('heading', nil, { text = text })
end

function ImGui.Text(_, text)
  add('text', nil, { text = text })
end

function ImGui.TextWrapped(_, text)
  add('text', nil, { text = text, colour = fake.colour })
end

function ImGui.TextColored(_, colour, text)
  add('text', nil, { text = text, colour = colour })
end

function ImGui.PushStyleColor(_, _, colour)
  push('style')
  fake.colour = colour
end

function ImGui.PopStyleColor()
  pop('style')
  fake.colour = nil
end

function ImGui.Button(_, label)
  add('button', label)
  return pressed(label)
end

function ImGui.Checkbox(_, label, value)
  local box = add('checkbox', label, { value = value })
  if pressed(label) then
    box.value = not value
    return true, box.value
  end
  return false, value
end

function ImGui.InputText(_, label, value)
  add('input', label, { value = value })
  return typed(label, value)
end

function ImGui.InputTextWithHint(_, label, hint, value)
  add('input', label, { value = value, hint = hint })
  return typed(label, value)
end

function ImGui.InputTextMultiline(_, label, value, _, height)
  add('input', label, { value = value, height = height })
  return typed(label, value)
end

function ImGui.InputInt(_, label, value)
  add('number', label, { value = value })
  return typed(label, value)
end

function ImGui.BeginCombo(_, label, preview)
  add('combo', label, { value = preview })
  if not fake.input.press[label] or disabled() then
    return false
  end
  fake.pressed[label] = true
  push('combo')
  return true
end

function ImGui.EndCombo()
  pop('combo')
end

function ImGui.Selectable(_, label)
  assert(fake.stack[#fake.stack] == 'combo', 'Selectable outside of a list')
  add('choice', label, { text = label:gsub('##.*', '') })
  return pressed(label)
end

function ImGui.ProgressBar(_, fraction, _, _, overlay)
  assert(fraction >= 0 and fraction <= 1, 'a fraction out of 0 to 1')
  add('progress', nil, { value = fraction, text = overlay })
end

function ImGui.BeginDisabled(_, off)
  push(off == false and 'enabled' or 'disabled')
end

function ImGui.EndDisabled()
  local top = fake.stack[#fake.stack]
  assert(top == 'enabled' or top == 'disabled', 'EndDisabled, but ' .. tostring(top) .. ' is open')
  pop(top)
end

function ImGui.SetItemTooltip(_, text)
  fake.last.tip = text
end

function ImGui.IsItemDeactivatedAfterEdit()
  return fake.left
end

function ImGui.SetNextWindowSize() end

-- What the test's host uses.
function fake.begin(input)
  fake.input, fake.widgets, fake.pressed, fake.ids, fake.last, fake.left = input, {}, {}, {}, nil, false
end

-- Raises an error for what was left open, and for what was to be pressed and is not there.
function fake.finish()
  assert(#fake.stack == 0, 'left open: ' .. table.concat(fake.stack, ', '))
  for _, wanted in ipairs({ fake.input.press, fake.input.type }) do
    for name in pairs(wanted) do
      assert(fake.pressed[name], 'nothing to press or type into: ' .. name)
    end
  end
end

local checked = {}
for name, signature in pairs(SIGNATURES) do
  checked[name] = function(...)
    check(name, signature, ...)
    return ImGui[name](...)
  end
end
for name, value in pairs(CONSTANTS) do
  checked[name] = value
end

IMGUI_FAKE = fake -- for the host, which is another chunk

return function(version)
  assert(version == '0.9', 'the panel is written for API 0.9')
  return setmetatable(checked, {
    __index = function(_, name)
      error('ReaImGui has no ' .. tostring(name) .. ', or this stand-in does not know it', 2)
    end,
  })
end
