-- Runs the panel as REAPER does, without a screen: `lua5.4 host.lua PACKAGE_FOLDER`. Each line read from the standard
-- input is a JSON command, each line written an answer, or a call of REAPER's API that the other side answers first.
-- Signatures as in the fake of ReaImGui; p is a pointer.

package.path = arg[1] .. '/?.lua'
local json = require 'json'

local API = {
  GetExtState = 'ss', SetExtState = 'sssb', AddRemoveReaScript = 'bisb', Main_OnCommand = 'ii',
  NamedCommandLookup = 's', ReverseNamedCommandLookup = 'i',
  GetSelectedMediaItem = 'pi', GetActiveTake = 'p', CountTakes = 'p', GetTake = 'pi',
  GetMediaItem_Track = 'p', GetMediaTrackInfo_Value = 'ps', GetSetMediaItemTakeInfo_String = 'pssb', GetMousePosition = '', Help_Set = 'sb', TrackCtl_SetToolTip = 'siib',
  time_precise = '', ImGui_GetBuiltinPath = '', set_action_options = 'i',
}
local TYPES = { s = 'string', b = 'boolean' }
local absent, deferred, at_exit, options = {}, nil, {}, {}
local clock, later = os.time, 0

function os.time()
  return clock() + later
end

local function say(message)
  io.stdout:write(json.encode(message), '\n')
  io.stdout:flush()
end

local function hear()
  local line = io.stdin:read('l')
  if not line then
    os.exit(0)
  end
  return assert(json.decode(line))
end

local function check(name, ...)
  local letters = API[name]
  assert(select('#', ...) == #letters, name .. ': wrong number of arguments')
  for index = 1, #letters do
    local letter, value = letters:sub(index, index), select(index, ...)
    local good = (letter == 'i' or letter == 'p') and math.type(value) == 'integer' or TYPES[letter] == type(value)
    assert(good, ('%s: argument %d is %s'):format(name, index, tostring(value)))
  end
end

local function call(name, ...)
  check(name, ...)
  if name == 'set_action_options' then
    options[#options + 1] = ...
    return
  end
  say({ call = name, args = json.list({ ... }) })
  local answer = hear()
  return table.unpack(answer.results, 1, #answer.results)
end

reaper = setmetatable({
  defer = function(action)
    deferred = action
  end,
  atexit = function(action)
    at_exit[#at_exit + 1] = action
  end,
}, {
  __index = function(_, name)
    if absent[name] then
      return nil
    end
    assert(API[name], 'REAPER has no ' .. tostring(name) .. ', or this stand-in does not know it')
    return function(...)
      return call(name, ...)
    end
  end,
})

local commands = {}

function commands.load(command)
  for _, name in ipairs(command.absent) do
    absent[name] = true
  end
  dofile(command.script)
  return { open = deferred ~= nil }
end

function commands.frame(command)
  local action = assert(deferred, 'the panel is closed')
  deferred, later = nil, later + command.seconds
  IMGUI_FAKE.begin(command)
  action()
  IMGUI_FAKE.finish()
  return { open = deferred ~= nil, widgets = json.list(IMGUI_FAKE.widgets), title = IMGUI_FAKE.title }
end

function commands.quit()
  for _, action in ipairs(at_exit) do
    action()
  end
  return { options = json.list(options) }
end

function commands.decode(command)
  local value, why = json.decode(command.text)
  return { text = value ~= nil and json.encode(value) or nil, why = why }
end

while true do
  local command = hear()
  local ok, answer = xpcall(commands[command['do']], debug.traceback, command)
  say(ok and { answer = answer } or { failed = tostring(answer) })
end
