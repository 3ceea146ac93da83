-- What the actions do. An action only notes a job; the background script reads, sends and places (background.lua).
local folder = ...
local files = assert (loadfile (folder .. "/files.lua")) ()
local session = assert (loadfile (folder .. "/session.lua")) ()
local actions = {}

local CONTEXT_SECONDS = 10 -- of the music on each side that goes along
local STALE_SECONDS = 4 -- a background script that wrote nothing for so long does not run
local DEFAULTS = { tags = "", lyrics = "", variance = "1", retake_variance = "0.5", number_of_steps = "27", seed = "",
                   model = "" }

local function say (text)
  LuaDialog.Message ("ACE-Step", text, LuaDialog.MessageType.Info, LuaDialog.ButtonType.Close):run ()
end

local function settings ()
  local values = files.read_values (files.path ("settings")) or {}
  for name, value in pairs (DEFAULTS) do values[name] = values[name] or value end
  return values
end

local function ask (values)
  local answer = LuaDialog.Dialog ("ACE-Step: Settings", {
    { type = "entry", key = "tags", default = values.tags, title = "Tags (style, instruments)" },
    { type = "entry", key = "lyrics", default = values.lyrics, title = "Lyrics (/ for a new line)" },
    { type = "number", key = "variance", title = "Variance (1: free, 0: as it is)", min = 0, max = 1, step = 0.05,
      digits = 2, default = tonumber (values.variance) },
    { type = "number", key = "retake_variance", title = "Variance of a retake", min = 0, max = 1, step = 0.05,
      digits = 2, default = tonumber (values.retake_variance) },
    { type = "number", key = "number_of_steps", title = "Steps", min = 1, max = 200, step = 1, digits = 0,
      default = tonumber (values.number_of_steps) },
    { type = "entry", key = "seed", default = values.seed, title = "Seed (empty: a new one each time)" },
    { type = "entry", key = "model", default = values.model, title = "Model (empty: the daemon's)" },
  }):run ()
  if not answer then return nil end
  answer.number_of_steps = math.floor (answer.number_of_steps + 0.5)
  files.write_values (files.path ("settings"), answer)
  return settings ()
end

-- The settings; asked for the first time.
local function settings_known ()
  if files.read (files.path ("settings")) then return settings () end
  local values = ask (settings ())
  if not values then session.refuse ("") end
  return values
end

local function fields_of (values, variance)
  local fields = { tags = values.tags, lyrics = (values.lyrics:gsub ("%s*/%s*", "\n")) }
  fields.number_of_steps = math.tointeger (tonumber (values.number_of_steps))
  if variance then fields.variance = tonumber (variance) end
  if values.seed ~= "" then
    fields.seed = math.tointeger (tonumber (values.seed))
    if not fields.seed then session.refuse ("Settings, seed: got " .. values.seed .. ", expected a whole number.") end
  end
  if values.model ~= "" then fields.model = values.model end
  return fields
end

local function check_background ()
  local beat = files.read_values (files.path (session.key () .. ".alive"))
  if beat and os.time () - tonumber (beat.time) <= STALE_SECONDS then return end
  session.refuse ("The background script does not run. Save, close Ardour, run 'acestep-bridge ardour install' in a "
                  .. "terminal, and open the session again.")
end

local function new_id ()
  math.randomseed (os.time () ~ ARDOUR.LuaAPI.monotonic_time ())
  return string.format ("%d-%06x", os.time (), math.random (0, 0xffffff))
end

-- Note a job for the background script, which takes it up within a tenth of a second.
local function note (job)
  job.id = new_id ()
  job.session = Session:path ()
  files.write (files.path (job.id .. ".fields"), files.json (job.fields))
  job.fields = nil
  files.write_values (files.path (job.id .. ".job"), job)
  local list = files.path (session.key () .. ".jobs")
  files.write (list, (files.read (list) or "") .. job.id .. "\n")
end

-- A job over [first, last) of the track's present playlist, with the music around it, as much as there is.
local function job_over (track, first, last, title)
  local playlist, rate = track:playlist (), Session:nominal_sample_rate ()
  local begins, ends = session.extent (playlist)
  if not begins then session.refuse ("The track '" .. track:name () .. "' is empty: there is nothing to go by.") end
  first, last = math.max (first, begins), math.min (last, ends)
  if first >= last then session.refuse ("Nothing lies in the range on the track '" .. track:name () .. "'.") end
  local context = CONTEXT_SECONDS * rate
  local origin, stop = math.max (begins, first - context), math.min (ends, last + context)
  return { title = title, task = "inpaint", track = session.id_of (track), playlist = session.id_of (playlist),
           name = track:name (), rate = rate, channels = session.channels (playlist), origin = origin,
           length = stop - origin, start = first - origin, stop = last - origin, place = "playlist" }
end

local function fields_with_tempo (values, variance, job)
  local fields = fields_of (values, variance)
  fields.tempo_map = session.tempo_map (job.origin, job.origin + job.length)
  return fields
end

local function render (title, variance, place)
  check_background ()
  local values = settings_known ()
  local first, last = session.range ()
  local job = job_over (session.track (), first, last, title)
  job.place = place
  job.fields = fields_with_tempo (values, values[variance], job)
  note (job)
end

function actions.regenerate ()
  render ("Regenerate", "variance", "playlist")
end

function actions.regenerate_on_new_track ()
  render ("Regenerate", "variance", "track")
end

function actions.retake ()
  render ("Retake", "retake_variance", "playlist")
end

-- New music from the end of the last region under the range up to the range's end.
function actions.extend ()
  check_background ()
  local values = settings_known ()
  local first, last = session.range ()
  local track = session.track ()
  local edge = session.end_before (track:playlist (), first, last)
  if not edge then session.refuse ("Select a range from inside a region to where its music shall end.") end
  local job = job_over (track, edge - 1, edge, "Extend")
  job.length, job.stop = edge - job.origin, edge - job.origin
  job.start = job.stop
  job.task = "outpaint"
  job.fields = fields_with_tempo (values, nil, job)
  job.fields.extend_after_duration = (last - edge) / job.rate
  note (job)
end

function actions.cancel ()
  local list = files.read (files.path (session.key () .. ".jobs")) or ""
  local newest
  for id in list:gmatch ("[^\n]+") do newest = id end
  if not newest then session.refuse ("Nothing is being made for this session.") end
  files.write (files.path (newest .. ".cancel"), "")
end

local function step_take (by)
  local track = session.track ()
  local takes, place = session.takes (track)
  if #takes < 2 then session.refuse ("The track '" .. track:name () .. "' has one playlist only.") end
  track:use_playlist (ARDOUR.DataType ("audio"), takes[(place - 1 + by) % #takes + 1], false)
end

function actions.next_take () step_take (1) end

function actions.previous_take () step_take (-1) end

function actions.settings () ask (settings ()) end

-- Run one of them. Ardour takes a script that raises an error out of its list: every error is shown here instead.
function actions.run (name)
  local ok, problem = pcall (function ()
    files.set_up (folder)
    actions[name] ()
  end)
  if ok then return end
  local text = type (problem) == "table" and problem.refused or tostring (problem)
  if text ~= "" then say (text) end
end

return actions
