-- JSON for the contract with the background script (docs/reaper_panel.md). Knows nothing of REAPER.
-- A table is an object, unless it was made by `json.list`; null is `nil`.

local json = {}
local LIST = {}
local ESCAPES = { ['"'] = '\\"', ['\\'] = '\\\\', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t' }
local UNESCAPES = { n = '\n', r = '\r', t = '\t', b = '\b', f = '\f', ['"'] = '"', ['\\'] = '\\', ['/'] = '/' }

-- Marks a table as an array.
function json.list(values)
  return setmetatable(values, LIST)
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return ESCAPES[c] or ('\\u%04x'):format(c:byte())
  end) .. '"'
end

local function list_text(values)
  local parts = {}
  for index, value in ipairs(values) do
    parts[index] = json.encode(value)
  end
  return '[' .. table.concat(parts, ',') .. ']'
end

local function object_text(values)
  local names, parts = {}, {}
  for name in pairs(values) do
    names[#names + 1] = name
  end
  table.sort(names)
  for index, name in ipairs(names) do
    parts[index] = quoted(name) .. ':' .. json.encode(values[name])
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

-- The text of a value, on one line. Raises an error for what JSON does not have.
function json.encode(value)
  local kind = type(value)
  if kind == 'string' then
    return quoted(value)
  elseif kind == 'number' then
    assert(value == value and value ~= math.huge and value ~= -math.huge, 'JSON has no such number')
    return math.type(value) == 'integer' and tostring(value) or ('%.14g'):format(value)
  elseif kind == 'boolean' then
    return tostring(value)
  elseif kind == 'table' then
    return getmetatable(value) == LIST and list_text(value) or object_text(value)
  end
  error('JSON has no ' .. kind)
end

local read

local function skip(text, at)
  return text:find('[^ \t\r\n]', at) or #text + 1
end

local function fail(what, at)
  error(('%s at character %d'):format(what, at), 0)
end

local function read_escape(text, at)
  local sign = text:sub(at, at)
  if sign ~= 'u' then
    return UNESCAPES[sign] or fail('an unknown escape', at), at + 1
  end
  local code = tonumber(text:match('^%x%x%x%x', at + 1), 16) or fail('a broken \\u', at)
  local low = code >= 0xD800 and code < 0xDC00 and text:match('^\\u(%x%x%x%x)', at + 5)
  if low then
    return utf8.char(0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00), at + 11
  end
  return utf8.char(code), at + 5
end

local function read_text(text, at)
  local parts = {}
  while true do
    local stop = text:find('["\\]', at) or fail('a text without an end', at)
    parts[#parts + 1] = text:sub(at, stop - 1)
    if text:sub(stop, stop) == '"' then
      return table.concat(parts), stop + 1
    end
    parts[#parts + 1], at = read_escape(text, stop + 1)
  end
end

local function read_list(text, at)
  local values = json.list({})
  at = skip(text, at)
  if text:sub(at, at) == ']' then
    return values, at + 1
  end
  while true do
    values[#values + 1], at = read(text, at)
    at = skip(text, at)
    local sign = text:sub(at, at)
    if sign == ']' then
      return values, at + 1
    end
    at = sign == ',' and at + 1 or fail('no comma', at)
  end
end

local function read_member(values, text, at)
  at = skip(text, at)
  if text:sub(at, at) ~= '"' then
    fail('no name', at)
  end
  local name
  name, at = read_text(text, at + 1)
  at = skip(text, at)
  if text:sub(at, at) ~= ':' then
    fail('no colon', at)
  end
  values[name], at = read(text, at + 1)
  return skip(text, at)
end

local function read_object(text, at)
  local values = {}
  at = skip(text, at)
  if text:sub(at, at) == '}' then
    return values, at + 1
  end
  while true do
    at = read_member(values, text, at)
    local sign = text:sub(at, at)
    if sign == '}' then
      return values, at + 1
    end
    at = sign == ',' and at + 1 or fail('no comma', at)
  end
end

local function read_number(text, at)
  local found = text:match('^-?%d+%.?%d*[eE]?[+-]?%d*', at) or fail('no value', at)
  return tonumber(found) or fail('no number', at), at + #found
end

function read(text, at)
  at = skip(text, at)
  local sign = text:sub(at, at)
  if sign == '"' then
    return read_text(text, at + 1)
  elseif sign == '{' then
    return read_object(text, at + 1)
  elseif sign == '[' then
    return read_list(text, at + 1)
  end
  for word, value in pairs({ ['true'] = true, ['false'] = false }) do
    if text:sub(at, at + #word - 1) == word then
      return value, at + #word
    end
  end
  if text:sub(at, at + 3) == 'null' then
    return nil, at + 4
  end
  return read_number(text, at)
end

-- The value of a text; nil and a sentence where the text is no JSON.
function json.decode(text)
  local ok, value, at = pcall(read, text, 1)
  if not ok then
    return nil, value
  end
  if skip(text, at) <= #text then
    return nil, ('something behind the value at character %d'):format(at)
  end
  return value
end

return json
