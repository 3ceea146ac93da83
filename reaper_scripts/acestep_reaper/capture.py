"""Reads what a track plays before its FX through an audio accessor, a chunk a tick, into a WAV file."""

import array
import os
import struct
import sys
import uuid

from reaper_python import *

from .errors import UserError
from .objects import find_track
from .paths import fs, in_home

CHUNK_SAMPLES = 2048
CHANNELS = 2


def project_rate():
    """The project's sample rate, or the device's where the project sets none."""
    if RPR_GetSetProjectInfo(0, "PROJECT_SRATE_USE", 0.0, 0):
        return int(RPR_GetSetProjectInfo(0, "PROJECT_SRATE", 0.0, 0)) or 48000
    text = RPR_GetAudioDeviceInfo("SRATE", "", 64)[2]
    return int(float(text)) if text else 48000


def wav_header(rate, channels, samples):
    """Header of a 32-bit float WAV with `samples` a channel."""
    size = samples * channels * 4
    form = struct.pack("<HHIIHH", 3, channels, rate, rate * channels * 4, channels * 4, 32)
    return (b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<I", 16) + form
            + b"data" + struct.pack("<I", size))  # fmt: skip


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
        """Reads one chunk; True when the file is complete."""
        if self._stream is None:
            os.makedirs(fs(self._folder), exist_ok=True)
            self._stream = open(fs(self.path), "wb")
            self._stream.write(wav_header(self._rate, CHANNELS, self._total))
        count = min(CHUNK_SAMPLES, self._total - self._done)
        if count > 0:
            self._stream.write(self._read(count))
            self._done += count
        if self._done < self._total:
            return False
        self._stream.close()
        return True

    def _read(self, count):
        track = find_track(self._track)
        if track is None:
            self._stream.close()
            raise UserError("The track was deleted while it was read", "Undo, and try again")
        accessor = RPR_CreateTrackAudioAccessor(track)
        try:
            time = self._start + self._done / float(self._rate)
            got, samples = RPR_GetAudioAccessorSamples(
                accessor, self._rate, CHANNELS, time, count, [0.0] * (count * CHANNELS)
            )
        finally:
            RPR_DestroyAudioAccessor(accessor)
        data = array.array("f", samples if got > 0 else [0.0] * (count * CHANNELS))
        if sys.byteorder == "big":
            data.byteswap()
        return data.tobytes()
