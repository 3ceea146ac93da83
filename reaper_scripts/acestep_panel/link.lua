-- The panel's end of the contract with the background script (docs/reaper_panel.md): state in, requests out.
-- Knows REAPER's external state and how the background script is started; no window.

local json = require 'json'
local sha1 = require 'sha1'

local link = {}
link.__index = link

local SECTION, VERSION = 'acestep', 1
local FRESH_SECONDS = 30 -- as the entry scripts count
local START_SECONDS = 5
local PATIENCE = 3 -- seconds without a heartbeat in frames that were drawn: REAPER may have been busy, not the script gone
local SERVICE = 'acestep_Background service.py'
local KNOWN = 'panel_service' -- the id that REAPER gave the background script, and its path

-- `folder` is where the entry scripts lie.
function link.new(folder)
  local self = setmetatable({}, link)
  self.folder, self.state, self.problem = folder, {}, ''
  self._text, self._count, self._beat, self._started = nil, 0, 0, 0
  self._silent, self._patience = 0, 0
  self._own = ('%x-%x'):format(os.time(), math.floor(reaper.time_precise() * 1000) % 0x1000000)
  return self
end

local function get(key)
  return reaper.GetExtState(SECTION, key)
end

local function put(key, text)
  reaper.SetExtState(SECTION, key, text, false)
end

-- Whether the background script was heard of lately.
function link:lives()
  local beat = tonumber(get('heartbeat'))
  return beat ~= nil and os.time() - beat < FRESH_SECONDS
end

-- Once a frame: says that the panel is open, starts the background script where it does not run, reads its state.
function link:step()
  local now = os.time()
  if now ~= self._beat then
    self._beat = now
    put('panel_open', tostring(now))
    self:_start(now)
  end
  self:_read()
  return self.state
end

-- The id that the installer gives a script: by its place below Scripts, REPOSITORY/CATEGORY/FILE.
local function installed_id(path)
  local place = path:gsub('\\', '/'):match('[^/]+/[^/]+/[^/]+$')
  return place and '_RS' .. sha1(place) or ''
end

-- The command of a script, 0 where its file is missing. REAPER is told of it only where it does not know it.
local function command_of(path)
  local kept, where = get(KNOWN):match('^(%S+) (.+)$')
  for _, id in ipairs { installed_id(path), where == path and kept or '' } do
    local known = id ~= '' and reaper.NamedCommandLookup(id) or 0
    if known ~= 0 then
      return known
    end
  end
  local added = reaper.AddRemoveReaScript(true, 0, path, true)
  if added ~= 0 then
    reaper.SetExtState(SECTION, KNOWN, '_' .. reaper.ReverseNamedCommandLookup(added):gsub('^_', '') .. ' ' .. path, true)
  end
  return added
end

function link:_start(now)
  if self:lives() then
    self._silent, self._patience = 0, PATIENCE
    return
  end
  self._silent = self._silent + 1
  if self._silent <= self._patience or now - self._started < START_SECONDS then
    return
  end
  self._started = now
  local command = command_of(self.folder .. SERVICE)
  if command == 0 then
    self.problem = ("The file '%s' is missing. Install the scripts again"):format(SERVICE)
    return
  end
  put('heartbeat', tostring(now)) -- a key press before it runs must not start another one
  reaper.Main_OnCommand(command, 0)
end

function link:_read()
  local text = get('panel_state')
  if text == self._text then
    return
  end
  self._text = text
  local found, why = json.decode(text)
  if text == '' then
    self.state = {}
  elseif type(found) ~= 'table' then
    self.problem = 'The background script wrote something else than JSON: ' .. tostring(why)
  elseif found.version ~= VERSION then
    self.problem = ("The panel speaks version %d, the background script %s. Run 'acestep-bridge reaper install' with "
      .. 'REAPER closed'):format(VERSION, tostring(found.version))
  else
    self.state, self.problem = found, ''
  end
end

-- Sends a request, a table with `op`; returns its id, by which `answer` finds what came of it.
function link:send(request)
  self._count = self._count + 1
  request.version, request.id = VERSION, ('%s-%d'):format(self._own, self._count)
  local waiting = get('panel_requests')
  put('panel_requests', (waiting ~= '' and waiting .. '\n' or '') .. json.encode(request))
  return request.id
end

-- What came of a request: a table with `ok` and `said`, or nil while it is not done.
function link:answer(id)
  for _, found in ipairs(self.state.answers or {}) do
    if found.id == id then
      return found
    end
  end
  return nil
end

-- The panel is closed: the background script need not stay for it.
function link:close()
  put('panel_open', '')
end

return link
