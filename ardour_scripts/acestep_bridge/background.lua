-- The jobs of this session, one small step at a time, called ten times a second by Ardour's timer: reads what a playlist
-- plays, hands it to acestep-bridge, shows how far it is as a range marker, places the result as one undo step.
local folder = ...
local files = assert (loadfile (folder .. "/files.lua")) ()
local session = assert (loadfile (folder .. "/session.lua")) ()
local audio = assert (loadfile (folder .. "/playlist_audio.lua")) ()
local background = {}

local SLICE_SECONDS = 0.015 -- how long Ardour's main thread is held at a time
local NUMBERS = { "rate", "channels", "origin", "length", "start", "stop" }
local MARKER = "ACE-Step: "

local running = {} -- by id: job
local busy = false -- an import runs Ardour's main loop, which calls the timer again
local last_beat = 0
local longest = 0 -- milliseconds that a step held Ardour's main thread
local importing = 0 -- microseconds of the present step in Ardour's import, which runs the main loop while it waits
local cleaned = false

local function job_ids (key)
  local ids = {}
  for id in (files.read (files.path (key .. ".jobs")) or ""):gmatch ("[^\n]+") do ids[#ids + 1] = id end
  return ids
end

local function forget (key, job)
  local left = {}
  for _, id in ipairs (job_ids (key)) do
    if id ~= job.id then left[#left + 1] = id .. "\n" end
  end
  files.write (files.path (key .. ".jobs"), table.concat (left))
  running[job.id] = nil
  for _, ending in ipairs ({ ".job", ".fields", ".f32", ".request", ".progress", ".result", ".cancel", ".lock" }) do
    os.remove (files.path (job.id .. ending))
  end
  if job.file then os.remove (files.path (job.file)) end
end

local function say (text)
  LuaDialog.Message ("ACE-Step", text, LuaDialog.MessageType.Warning, LuaDialog.ButtonType.Close):run ()
end

-- The markers of a job, or of all, by name and place: a session that was closed meanwhile has one of an earlier run.
local function markers (job)
  local found = {}
  for location in Session:locations ():list ():iter () do
    local ours = location:name ():sub (1, #MARKER) == MARKER
    if ours and (not job or location:start ():samples () == job.origin + job.start) then
      found[#found + 1] = location
    end
  end
  return found
end

local function unmark (job)
  for _, location in ipairs (markers (job)) do Session:locations ():remove (location) end
end

local function mark (job, words)
  local name = MARKER .. words
  if job.shown == name then return end
  local location = markers (job)[1]
  if not location then
    local first = job.origin + job.start
    local last = math.max (job.origin + job.stop, first + job.rate)
    location = Session:locations ():add_range (Temporal.timepos_t (first), Temporal.timepos_t (last))
  end
  location:set_name (name)
  job.shown = name
end

local function load_job (id)
  local job = files.read_values (files.path (id .. ".job"))
  if not job then return { id = id, lost = true, title = "" } end
  for _, name in ipairs (NUMBERS) do job[name] = math.tointeger (tonumber (job[name])) end
  return job
end

-- Read what the playlist plays, a slice at a time; then write the request and start acestep-bridge's side.
local function send (job)
  if not job.reader then
    local playlist = Session:playlists ():by_id (PBD.ID (job.playlist))
    if playlist:isnil () then session.refuse (job.title .. ": the playlist of '" .. job.name .. "' is gone.") end
    job.samples = assert (io.open (files.path (job.id .. ".f32"), "wb"))
    job.reader = audio.reader (playlist, job.origin, job.length, job.channels, job.samples)
  end
  mark (job, "reading")
  if not audio.read_on (job.reader, SLICE_SECONDS) then return end
  assert (job.samples:close ())
  local request = { version = 1, id = job.id, task = job.task, sample_rate = job.rate, length = job.length,
                    start = job.start, stop = job.stop, pieces = job.reader.pieces, name = job.name }
  local fields = files.read (files.path (job.id .. ".fields"))
  local text = files.json (request)
  files.write (files.path (job.id .. ".request"), text:sub (1, -2) .. ',"fields":' .. fields .. "}")
  job.reader, job.samples = nil, nil
  collectgarbage ()
  files.start_job (files.path (job.id .. ".request"))
end

local function words_of (progress)
  return progress and progress.words or "waiting"
end

-- A file as a region in the session's list, which nothing plays yet.
local function import (path, name)
  local before = {}
  for id, _ in ARDOUR.RegionFactory.regions ():iter () do before[id:to_s ()] = true end
  local paths = C.StringVector ()
  paths:push_back (path)
  local begun = ARDOUR.LuaAPI.monotonic_time ()
  Editor:do_import (paths, Editing.ImportDistinctFiles, Editing.ImportAsRegion, ARDOUR.SrcQuality.SrcBest,
                    ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
                    Temporal.timepos_t (0), ARDOUR.PluginInfo (), ARDOUR.Track (), false)
  importing = importing + ARDOUR.LuaAPI.monotonic_time () - begun
  for id, region in ARDOUR.RegionFactory.regions ():iter () do
    if not before[id:to_s ()] and not region:to_audioregion ():isnil () then
      local copy = ARDOUR.RegionFactory.clone_region (region, true, false)
      copy:set_name (name)
      return copy
    end
  end
  error ("Ardour could not import " .. path .. ". The render is kept by the daemon: acestep-bridge jobs list", 0)
end

local function free_name (base)
  local number = 1
  while not Session:playlists ():by_name (base .. " " .. number):isnil () do number = number + 1 end
  return base .. " " .. number
end

-- The playlist of a new audio track. Ardour 9 wants a route group as an object, earlier ones take nil.
local function new_track (job)
  local groups = { function () return nil end, function () return ARDOUR.RouteGroup () end }
  local problem
  for _, group in ipairs (groups) do
    local ok, made = pcall (function ()
      return Session:new_audio_track (job.channels, 2, group (), 1, job.name .. " ACE-Step",
                                      ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true, false)
    end)
    if ok then
      for track in made:iter () do return track:playlist () end
    end
    problem = made
  end
  error (problem, 0)
end

-- The playlist that gets the result: a copy of the one it was made from, so that the old one stays as it was.
local function playlist_for (job)
  local track = session.find_track (job.track)
  if job.place == "track" or not track then return new_track (job) end
  for _, playlist in ipairs ((session.takes (track))) do -- what it was made from, even if another one plays now
    if session.id_of (playlist) == job.playlist then
      track:use_playlist (ARDOUR.DataType ("audio"), playlist, false)
    end
  end
  track:use_copy_playlist ()
  track:playlist ():set_name (free_name (track:name () .. " ACE-Step"))
  return track:playlist ()
end

local function place (job, result)
  job.file = result.file
  local region = import (files.path (result.file), job.name .. " ACE-Step " .. result.seed)
  local playlist = playlist_for (job)
  local position = job.origin + math.tointeger (tonumber (result.offset))
  Session:begin_reversible_command ("ACE-Step: " .. job.title)
  playlist:to_stateful ():clear_changes ()
  playlist:add_region (region, Temporal.timepos_t (position), 1, false)
  region:raise_to_top ()
  Session:add_stateful_diff_command (playlist:to_statefuldestructible ())
  if not Session:abort_empty_reversible_command () then Session:commit_reversible_command (nil) end
end

local function finish (key, job, result)
  if result.state == "done" then
    if Session:actively_recording () then return mark (job, "done, waits for the end of the recording") end
    place (job, result)
  end
  unmark (job)
  forget (key, job)
  if result.state == "failed" then say (job.title .. ": " .. result.message) end
end

local function step (key, job)
  if job.lost then return forget (key, job) end
  local result = files.read_values (files.path (job.id .. ".result"))
  if result then return finish (key, job, result) end
  local sent = files.read (files.path (job.id .. ".request"))
  if not sent then
    if files.read (files.path (job.id .. ".cancel")) then return finish (key, job, { state = "cancelled" }) end
    return send (job)
  end
  if not job.watched then -- of an earlier run of Ardour: acestep-bridge's side may have ended with the machine
    job.watched = true
    if job.resumed then files.start_job (files.path (job.id .. ".request")) end
  end
  mark (job, words_of (files.read_values (files.path (job.id .. ".progress"))))
end

local function beat (key)
  if os.time () == last_beat then return end
  last_beat = os.time ()
  files.write_values (files.path (key .. ".alive"), { time = last_beat, longest_ms = longest })
end

-- Markers of jobs that were placed after the session had been saved last.
local function clean_up ()
  if next (running) == nil and not cleaned then
    for _, location in ipairs (markers ()) do Session:locations ():remove (location) end
  end
  cleaned = true
end

local function each_job (key)
  for _, id in ipairs (job_ids (key)) do
    if not running[id] then
      running[id] = load_job (id)
      running[id].resumed = files.read (files.path (id .. ".request")) ~= nil
    end
    local job = running[id]
    local ok, problem = pcall (step, key, job)
    if not ok then
      unmark (job)
      forget (key, job)
      say (type (problem) == "table" and problem.refused or job.title .. ", a fault of ours: " .. tostring (problem))
    end
  end
end

function background.tick ()
  if busy then return end
  busy, importing = true, 0
  local begun = ARDOUR.LuaAPI.monotonic_time ()
  local ok, problem = pcall (function ()
    files.set_up (folder)
    local key = session.key ()
    beat (key)
    each_job (key)
    clean_up ()
  end)
  busy = false
  longest = math.max (longest, (ARDOUR.LuaAPI.monotonic_time () - begun - importing) / 1000)
  if not ok then print ("ACE-Step: " .. tostring (problem)) end
end

return background
