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
from . import media, wave_file

CHUNK_SAMPLES = 2048  # far under 1 ms each: a tick ends soon after its budget
BUDGET_SECONDS = 0.0015
CHANNELS = 2
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
        for name in os.listdir(fs(folder)):
            path = os.path.join(fs(folder), name)
            if os.path.getmtime(path) < before:
                os.remove(path)
    except OSError:
        pass


class TrackCapture(object):
    """`step()` until True; then `path` is the file. The accessor lives within one step only."""

    def __init__(self, track_guid, start, end):
        self._track = track_guid
        self._start = start
        self._rate = project_rate()
        self._total = int(round((end - start) * self._rate))
        self._done = 0
        self._folder = in_home("captures")
        self.path = os.path.join(self._folder, uuid.uuid4().hex + ".wav")
        self._stream = None

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
        accessor = RPR_CreateTrackAudioAccessor(track)
        try:
            self._read_for(accessor, BUDGET_SECONDS)
        finally:
            RPR_DestroyAudioAccessor(accessor)
        if self._done < self._total:
            return False
        self._stream.close()
        return True

    def discard(self):
        """Closes and removes what was read so far."""
        if self._stream is not None:
            self._stream.close()
        media.remove(self.path)

    def _read_for(self, accessor, seconds):
        end = time.perf_counter() + seconds
        while self._done < self._total:
            count = min(CHUNK_SAMPLES, self._total - self._done)
            self._stream.write(self._read(accessor, count))
            self._done += count
            if time.perf_counter() >= end:
                return

    def _read(self, accessor, count):
        """One chunk as float32 bytes: through C, since the wrapper makes lists of Python floats."""
        buffer = (ctypes.c_double * (count * CHANNELS))()
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64, ctypes.c_int, ctypes.c_int, ctypes.c_double,
                                ctypes.c_int, ctypes.c_void_p)  # fmt: skip
        at = self._start + self._done / float(self._rate)
        number = int(accessor.rpartition("0x")[2], 16)
        got = kind(rpr_getfp("GetAudioAccessorSamples"))(
            number, self._rate, CHANNELS, at, count, ctypes.addressof(buffer)
        )
        return _floats(buffer) if got > 0 else bytes(4 * count * CHANNELS)


def _floats(buffer):
    """An array of doubles as little-endian float32; by struct, which is some times faster than array."""
    values = struct.unpack("%dd" % len(buffer), buffer)
    try:
        return struct.pack("<%df" % len(values), *values)
    except OverflowError:  # a sample beyond what float32 holds is infinite
        return struct.pack("<%df" % len(values), *array.array("f", values))
