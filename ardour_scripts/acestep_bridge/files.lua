-- Files that the actions, the background script and acestep-bridge share. Knows nothing of Ardour's session.
local files = {}

local home -- the product's folder, as installed
local command -- what starts acestep-bridge's side of a job

-- Where things are: what `acestep-bridge ardour install` wrote beside this file, and the environment, which wins.
function files.set_up (folder)
  local installed = assert (loadfile (folder .. "/installed.lua")) ()
  local given = os.getenv ("ACESTEP_BRIDGE_HOME")
  home = given and given ~= "" and given or installed.home
  command = installed.command
end

function files.path (name)
  return home .. "/ardour/" .. name
end

function files.read (path)
  local handle = io.open (path, "rb")
  if not handle then return nil end
  local text = handle:read ("a")
  handle:close ()
  return text
end

-- Whole or not at all: written beside, then renamed. Raises an error that names the file.
function files.write (path, text)
  local handle, why = io.open (path .. ".part", "wb")
  if not handle then error ("cannot write " .. path .. " (" .. tostring (why) .. "). Is the disk full?", 0) end
  local ok, reason = handle:write (text)
  handle:close ()
  if not ok then error ("cannot write " .. path .. " (" .. tostring (reason) .. "). Is the disk full?", 0) end
  os.remove (path) -- Windows renames over nothing
  assert (os.rename (path .. ".part", path))
end

-- Lines `name=value` as a table; nil where there is no file.
function files.read_values (path)
  local text = files.read (path)
  if not text then return nil end
  local values = {}
  for line in text:gmatch ("[^\r\n]+") do
    local name, value = line:match ("^([%w_]+)=(.*)$")
    if name then values[name] = value end
  end
  return values
end

function files.write_values (path, values)
  local lines = {}
  for name, value in pairs (values) do
    lines[#lines + 1] = name .. "=" .. tostring (value):gsub ("[\r\n]+", " ")
  end
  table.sort (lines)
  files.write (path, table.concat (lines, "\n") .. "\n")
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function json_text (text)
  local function escape (character)
    return escapes[character] or string.format ("\\u%04x", character:byte ())
  end
  return '"' .. text:gsub ('[%c"\\]', escape) .. '"'
end

-- A value as JSON. A table with a first item is a list; an empty one a list, too.
function files.json (value)
  if type (value) == "string" then return json_text (value) end
  if math.type (value) == "integer" then return string.format ("%d", value) end
  if type (value) == "number" then return (string.format ("%.17g", value):gsub (",", ".")) end
  if type (value) ~= "table" then return tostring (value) end
  local parts = {}
  if #value > 0 or next (value) == nil then
    for _, item in ipairs (value) do parts[#parts + 1] = files.json (item) end
    return "[" .. table.concat (parts, ",") .. "]"
  end
  for name, item in pairs (value) do parts[#parts + 1] = json_text (name) .. ":" .. files.json (item) end
  return "{" .. table.concat (parts, ",") .. "}"
end

-- Start acestep-bridge's side of a job. It puts itself behind at once, so that nothing waits for it.
function files.start_job (request_path)
  local words = {}
  for _, word in ipairs (command) do words[#words + 1] = word end
  words[#words + 1] = request_path
  os.forkexec (table.unpack (words))
end

return files
