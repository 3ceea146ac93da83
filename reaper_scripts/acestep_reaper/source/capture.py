"""Reads what a track plays before its FX through an audio accessor, a chunk a tick, into a WAV file."""

import array
import ctypes
import os
import struct
import time
import uuid

from reaper_python import *

from ..errors import UserError
from ..paths import fs, in_home
from ..project.objects import find_track
from ..project.pointers import address, function
from . import media, wave_file

CHUNK_SAMPLES = 2048  # far under 1 ms each: a tick ends soon after its budget
BUDGET_SECONDS = 0.0015
CHANNELS = 2
UNREAD = "REAPER does not let the track be read"
KEPT_SECONDS = 30 * 24 * 3600.0


def project_rate():
    """The project's sample rate, or the device's where the project sets none."""
    if RPR_GetSetProjectInfo(0, "PROJECT_SRATE_USE", 0.0, 0):
        return int(RPR_GetSetProjectInfo(0, "PROJECT_SRATE", 0.0, 0)) or 48000
    text = RPR_GetAudioDeviceInfo("SRATE", "", 64)[2]
    return int(float(text)) if text else 48000


def sweep():
    """Removes what a REAPER that crashed while it read a track left behind: nobody waits that long for a job."""
    folder, before = in_home("captures"), time.time() - KEPT_SECONDS
    try:
        names = os.listdir(fs(folder))
    except OSError:
        return  # nothing was ever captured
    for name in names:
        path = os.path.join(fs(folder), name)
        try:
            if os.path.getmtime(path) < before:
                os.remove(path)
        except OSError:
            pass  # still open in another program: the next start takes it


class _Accessor(object):
    """An audio accessor of a track, by its number: REAPER's module passes NULL for its kind of pointer."""

    def __init__(self, track):
        self._number = address(RPR_CreateTrackAudioAccessor(track))
        if not self._number:
            raise UserError(UNREAD, "Freeze or render the track, and choose its new item")

    def read(self, rate, start, count):
        """`count` frames from a time on as an array of doubles, channel by channel; None where there is silence."""
        c, buffer = ctypes, (ctypes.c_double * (count * CHANNELS))()
        read = function(
            "GetAudioAccessorSamples", c.c_int, c.c_uint64, c.c_int, c.c_int, c.c_double, c.c_int, c.c_void_p
        )
        got = read(self._number, rate, CHANNELS, start, count, c.addressof(buffer))
        if got < 0:
            raise UserError(UNREAD, "Freeze or render the track, and choose its new item")
        return buffer if got else None

    def destroy(self):
        """Once; REAPER frees nothing by itself."""
        if self._number:
            function("DestroyAudioAccessor", None, ctypes.c_uint64)(self._number)
        self._number = 0


class TrackCapture(object):
    """`step()` until True; then `path` is the file. One accessor reads it all; the end, or `discard`, destroys it."""

    def __init__(self, track_guid, start, end):
        self._track = track_guid
        self._start = start
        self._rate = project_rate()
        self._total = int(round((end - start) * self._rate))
        self._done = 0
        self._folder = in_home("captures")
        self.path = os.path.join(self._folder, uuid.uuid4().hex + ".wav")
        self._stream = None
        self._accessor = None

    def step(self):
        """Reads for a few milliseconds; True when the file is complete."""
        if self._stream is None:
            os.makedirs(fs(self._folder), exist_ok=True)
            self._stream = open(fs(self.path), "wb")
            self._stream.write(wave_file.header((3, CHANNELS, self._rate, 32), self._total))
        track = find_track(self._track)
        if track is None:
            self.discard()
            raise UserError("The track was deleted while it was read", "Undo, and try again")
        if self._accessor is None:
            self._accessor = _Accessor(track)
        self._read_for(BUDGET_SECONDS)
        if self._done < self._total:
            return False
        self._stream.close()
        self._let_go()
        return True

    def _let_go(self):
        if self._accessor is not None:
            self._accessor.destroy()
        self._accessor = None

    def discard(self):
        """Closes and removes what was read so far."""
        self._let_go()
        if self._stream is not None:
            self._stream.close()
        media.remove(self.path)

    def _read_for(self, seconds):
        end = time.perf_counter() + seconds
        while self._done < self._total:
            count = min(CHUNK_SAMPLES, self._total - self._done)
            self._stream.write(self._read(count))
            self._done += count
            if time.perf_counter() >= end:
                return

    def _read(self, count):
        """One chunk as float32 bytes."""
        buffer = self._accessor.read(self._rate, self._start + self._done / float(self._rate), count)
        return bytes(4 * count * CHANNELS) if buffer is None else _floats(buffer)


def _floats(buffer):
    """An array of doubles as little-endian float32; by struct, which is some times faster than array."""
    values = struct.unpack("%dd" % len(buffer), buffer)
    try:
        return struct.pack("<%df" % len(values), *values)
    except OverflowError:  # a sample beyond what float32 holds is infinite
        return struct.pack("<%df" % len(values), *array.array("f", values))
