-- What a playlist plays, described in pieces: as a part of a file where it is that file's samples as they are, as
-- silence, else (fades, envelopes, layers, files at other rates) as samples, which follow in a file of their own.
--
-- Reading a block costs microseconds; turning its samples into bytes costs 0.3 us each in Lua, too much for a minute of
-- music on Ardour's main thread. So samples are compared where they are, and only what differs is turned into bytes.
local BLOCK = 4096

local audio = {}

local function buffers ()
  local memory = ARDOUR.DSP.DspShm (4 * BLOCK)
  return { memory = memory, played = memory:to_float (0), file = memory:to_float (BLOCK),
           mixdown = memory:to_float (2 * BLOCK), gain = memory:to_float (3 * BLOCK) }
end

-- {origin, length, channels} of the playlist; `samples` is an open file for what no file holds.
function audio.reader (playlist, origin, length, channels, samples)
  local pieces = {}
  for channel = 1, channels do pieces[channel] = {} end
  return { playlist = playlist:to_audioplaylist (), regions = playlist, origin = origin, length = length,
           channels = channels, channel = 1, done = 0, pieces = pieces, samples = samples, buffers = buffers (),
           same_rate = Session:nominal_sample_rate () == Session:sample_rate () }
end

-- The file, its channel and position that a region plays at a place of the timeline; nil where that is not plain.
local function file_at (reader, position)
  local region = reader.regions:top_unmuted_region_at (Temporal.timepos_t (position))
  if not reader.same_rate or region:isnil () or region:to_audioregion ():isnil () then return nil end
  local count = region:to_audioregion ():n_channels ()
  if count == 0 then return nil end
  local source = region:source (math.min (reader.channel, count) - 1)
  local file = source:to_filesource ()
  if file:isnil () or not file:within_session () or file:gain () ~= 1 then return nil end
  if reader.channel > count then return nil end -- a mono region plays on its own channel only
  local within = position - region:position ():samples ()
  return { path = file:path (), channel = file:channel (), first = region:start ():samples () + within,
           within = within, raw = region:to_audioregion ():to_readable () }
end

local function is_silent (buffer, count)
  return ARDOUR.DSP.compute_peak (buffer, count, 0) == 0
end

-- Whether what the playlist plays is the file's own samples, which a region as a "readable" gives without fade and gain.
local function is_file (reader, found, count)
  local b = reader.buffers
  if found.raw:read (b.file, found.within, count, reader.channel - 1) ~= count then return false end
  ARDOUR.DSP.mix_buffers_with_gain (b.file, b.played, count, -1)
  return is_silent (b.file, count)
end

local function bytes (buffer, count)
  local values, parts, wide = buffer:get_table (count), {}, "<" .. ("f"):rep (128)
  local position = 1
  while position + 127 <= count do
    parts[#parts + 1] = string.pack (wide, table.unpack (values, position, position + 127))
    position = position + 128
  end
  for rest = position, count do parts[#parts + 1] = string.pack ("<f", values[rest]) end
  return table.concat (parts)
end

local function add_piece (pieces, kind, count, found)
  local last = pieces[#pieces]
  local path = found and found.path or ""
  local follows = last and last.kind == kind and last.path == path
  if follows and (not found or (last.channel == found.channel and last.first + last.count == found.first)) then
    last.count = last.count + count
  else
    pieces[#pieces + 1] = { kind = kind, count = count, path = path, channel = found and found.channel or 0,
                            first = found and found.first or 0 }
  end
end

local function read_block (reader, count)
  local b, position = reader.buffers, reader.origin + reader.done
  reader.playlist:read (b.played, b.mixdown, b.gain, Temporal.timepos_t (position),
                        Temporal.timecnt_t.from_samples (count), reader.channel - 1)
  local pieces = reader.pieces[reader.channel]
  local found = file_at (reader, position)
  if is_silent (b.played, count) then
    add_piece (pieces, "silence", count)
  elseif found and is_file (reader, found, count) then
    add_piece (pieces, "file", count, found)
  else
    assert (reader.samples:write (bytes (b.played, count)))
    add_piece (pieces, "samples", count)
  end
end

-- Read on for at most so many seconds; true when all is read.
function audio.read_on (reader, seconds)
  local limit = ARDOUR.LuaAPI.monotonic_time () + seconds * 1000000
  while reader.channel <= reader.channels do
    local count = math.min (BLOCK, reader.length - reader.done)
    if count <= 0 then
      reader.channel, reader.done = reader.channel + 1, 0
    else
      read_block (reader, count)
      reader.done = reader.done + count
      if ARDOUR.LuaAPI.monotonic_time () > limit then return false end
    end
  end
  return true
end

return audio
