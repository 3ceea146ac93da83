-- What the panel shows and what was typed into it: the fields, and what came of the last request. No window.

local model = {}
model.__index = model

local FIELDS = { 'tags', 'lyrics', 'seed', 'variations' }
local MOST_VARIATIONS = 16

-- `link` is the end of the contract.
function model.new(link)
  local self = setmetatable({}, model)
  self.link, self.state, self.fields = link, {}, { tags = '', lyrics = '', seed = '', variations = '1' }
  self.preset_name, self.said, self.failed = '', '', false
  self._edited, self._sent, self._last = {}, {}, nil
  return self
end

-- Lyrics are one line in the settings: a slash begins a new one.
local function shown(name, text)
  return name == 'lyrics' and (text:gsub('%s*/%s*', '\n')) or text
end

local function kept(name, text)
  return name == 'lyrics' and (text:gsub('%s*\n%s*', ' / ')) or text
end

-- Once a frame: the state, and in the fields what was not edited here.
function model:step()
  self.state = self.link:step()
  self:_hear()
  local settings = self.state.settings
  if not settings then
    return
  end
  for _, name in ipairs(FIELDS) do
    if not self._edited[name] and not self._sent[name] then
      self.fields[name] = shown(name, settings[name] or '')
    end
  end
end

function model:_hear()
  for name, id in pairs(self._sent) do
    if self.link:answer(id) then
      self._sent[name] = nil
    end
  end
  local answer = self._last and self.link:answer(self._last)
  if answer then
    self._last, self.said, self.failed = nil, answer.said or '', not answer.ok
  end
end

-- What was typed into a field.
function model:edit(name, text)
  self.fields[name], self._edited[name] = text, true
end

function model:variations()
  return math.tointeger(tonumber(self.fields.variations)) or 1
end

function model:set_variations(count)
  self:edit('variations', tostring(math.max(1, math.min(MOST_VARIATIONS, count))))
end

-- The edited fields as settings, or nil where nothing was edited.
function model:_changes()
  local found = {}
  for name in pairs(self._edited) do
    found[name] = kept(name, self.fields[name])
  end
  return next(found) and found or nil
end

-- Sends a request, with what was edited since the last one.
function model:ask(request)
  request.settings = self:_changes()
  local id = self.link:send(request)
  for name in pairs(self._edited) do
    self._sent[name], self._edited[name] = id, nil
  end
  self._last, self.said, self.failed = id, '', false
end

-- Hands over what was edited, once its field is left.
function model:store()
  if next(self._edited) then
    self:ask({ op = 'set' })
  end
end

-- Locks the last result's seed, else a new one, or sets it free.
function model:lock(locked)
  local seed = self.state.seed and math.tointeger(self.state.seed) or math.random(0, 2147483647)
  self:edit('seed', locked and tostring(seed) or '')
  self:store()
end

return model
