-- The session as the actions see it: selection, tempo, playlists. Changes nothing.
local session = {}

-- Raised for what the user can put right; shown as it is.
local function refuse (text)
  error ({ refused = text }, 0)
end

-- Start and end of the selected range in samples; of the selected regions where no range is selected.
function session.range ()
  local selection = Editor:get_selection ()
  local first, last = selection.time:start_sample (), selection.time:end_sample ()
  if first < last then return first, last end
  first, last = nil, nil
  for region in selection.regions:regionlist ():iter () do
    local start = region:position ():samples ()
    local stop = start + region:length ():samples ()
    first, last = math.min (first or start, start), math.max (last or stop, stop)
  end
  if not first then refuse ("Select a range (with the range tool) or a region first.") end
  return first, last
end

local function track_of_region (region)
  local id = region:to_stateful ():id ()
  for route in Session:get_tracks ():iter () do
    local track = route:to_track ()
    if not track:playlist ():region_by_id (id):isnil () then return track end
  end
end

local function is_audio (track)
  return track and not track:isnil () and not track:to_audio_track ():isnil ()
end

-- The audio track that is selected: the first one, else the one of the first selected region.
function session.track ()
  local selection = Editor:get_selection ()
  for route in selection.tracks:routelist ():iter () do
    local track = route:to_track ()
    if is_audio (track) then return track end
  end
  for region in selection.regions:regionlist ():iter () do
    local track = track_of_region (region)
    if is_audio (track) then return track end
  end
  refuse ("Select an audio track first.")
end

function session.id_of (object)
  return object:to_stateful ():id ():to_s ()
end

-- The track with an id, nil where it is gone.
function session.find_track (id)
  for route in Session:get_tracks ():iter () do
    if session.id_of (route) == id then
      local track = route:to_track ()
      if is_audio (track) then return track end
    end
  end
end

-- How many channels the playlist's regions have: 1 or 2.
function session.channels (playlist)
  local most = 1
  for region in playlist:region_list ():iter () do
    local audio = region:to_audioregion ()
    if not audio:isnil () then most = math.max (most, audio:n_channels ()) end
  end
  return math.min (most, 2)
end

-- First and last sample of what lies on the playlist; nil where it is empty.
function session.extent (playlist)
  local first, last
  for region in playlist:region_list ():iter () do
    local start = region:position ():samples ()
    local stop = start + region:length ():samples ()
    first, last = math.min (first or start, start), math.max (last or stop, stop)
  end
  return first, last
end

-- Where the region ends that lies under a range and ends last in front of the range's end, in samples.
function session.end_before (playlist, first, last)
  local found
  for region in playlist:region_list ():iter () do
    local start = region:position ():samples ()
    local stop = start + region:length ():samples ()
    if stop < last and start < last and stop >= first then found = math.max (found or stop, stop) end
  end
  return found
end

local function tempo_point (map, position, origin, rate)
  local at = Temporal.timepos_t (position)
  local meter, bbt = map:meter_at (at), map:bbt_at (at)
  local divisions, value = math.floor (meter:divisions_per_bar () + 0.5), math.floor (meter:note_value () + 0.5)
  local beats = (bbt.beats - 1) + bbt.ticks / Temporal.ticks_per_beat * (value / 4)
  return { time = (position - origin) / rate, bpm = map:quarters_per_minute_at (at), numerator = divisions,
           denominator = value, bar_phase = (beats / divisions) % 1 }
end

-- Tempo and meter over a range, as the request field `tempo_map`: at its start, and at each beat where one changes.
function session.tempo_map (first, last)
  local map, rate = Temporal.TempoMap.read (), Session:nominal_sample_rate ()
  local points = { tempo_point (map, first, first, rate) }
  local position = first
  while position < last do
    local here = points[#points]
    position = position + math.max (1, math.floor (60 / here.bpm * rate + 0.5))
    local there = tempo_point (map, math.min (position, last), first, rate)
    local same = math.abs (there.bpm - here.bpm) < 0.01 and there.numerator == here.numerator
    if not same or there.denominator ~= here.denominator then points[#points + 1] = there end
  end
  map = nil
  collectgarbage () -- the map is a snapshot that Ardour keeps while it is held
  return points
end

-- The track's playlists in the order of their names, and the place of the present one among them.
function session.takes (track)
  local found = {}
  for playlist in Session:playlists ():playlists_for_track (track):iter () do found[#found + 1] = playlist end
  local function key (playlist)
    return (playlist:name ():gsub ("%d+", function (digits) return string.format ("%09d", tonumber (digits)) end))
  end
  table.sort (found, function (one, other) return key (one) < key (other) end)
  local present = session.id_of (track:playlist ())
  for place, playlist in ipairs (found) do
    if session.id_of (playlist) == present then return found, place end
  end
  return found, 0
end

-- A name for files of this session: Ardour has no id of a session, so its folder stands for it.
function session.key ()
  local hash = 0xcbf29ce484222325
  for position = 1, #Session:path () do
    hash = (hash ~ Session:path ():byte (position)) * 0x100000001b3
  end
  return string.format ("%016x", hash)
end

session.refuse = refuse
return session
