"""What the fake's audio accessors return: the real samples of WAV files, as REAPER would play them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soundfile

from .model import Item, Project, Take, Track


@lru_cache(maxsize=16)
def _read(path: str) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return samples, rate


def source_info(path: str) -> tuple[float, int, int]:
    """(seconds, sample rate, channels) of a file."""
    info = soundfile.info(path)
    return info.frames / info.samplerate, info.samplerate, info.channels


def read_take(take: Take, times: np.ndarray, channels: int) -> np.ndarray:
    """Samples (n, channels) of a take at `times`, seconds counted from the item's start."""
    if take.source is None:
        return np.zeros((len(times), channels))
    samples, rate = _read(take.source.path)
    at = (take.values["D_STARTOFFS"] + times * take.values["D_PLAYRATE"]) * rate
    first = min(max(int(at.min()) - 1, 0), len(samples) - 1)
    part = samples[first : max(int(at.max()) + 2, first + 1)]
    grid = np.arange(first, first + len(part))
    columns = [np.interp(at, grid, part[:, c % part.shape[1]], 0, 0) for c in range(channels)]
    return np.stack(columns, 1) * take.values["D_VOL"]


def _gain(item: Item, times: np.ndarray) -> np.ndarray:
    length, gain = item.values["D_LENGTH"], np.full(len(times), item.values["D_VOL"])
    for fade, distance in ((item.values["D_FADEINLEN"], times), (item.values["D_FADEOUTLEN"], length - times)):
        if fade > 0:
            gain = gain * np.clip(distance / fade, 0, 1)
    return gain * ((times >= 0) & (times < length))


def read_track(track: Track, times: np.ndarray, channels: int) -> np.ndarray:
    """Samples (n, channels) of a track before its FX: all items with volume and fades."""
    mixed = np.zeros((len(times), channels))
    for item in track.items:
        if item.takes and not item.values["B_MUTE"]:
            local = times - item.start
            mixed += read_take(item.takes[item.active], local, channels) * _gain(item, local)[:, None]
    return mixed


def render(project: Project) -> None:
    """Action 42230: the selected track with its FX (each one halves the volume) by the render settings."""
    info, strings = project.info, project.strings
    track = next(t for t in project.tracks if t.selected)
    rate = int(info["PROJECT_SRATE"])
    times = np.arange(info["RENDER_STARTPOS"], info["RENDER_ENDPOS"], 1 / rate)
    samples = read_track(track, times, int(info["RENDER_CHANNELS"])) * 0.5 ** len(track.fx)
    soundfile.write(f"{strings['RENDER_FILE']}/{strings['RENDER_PATTERN']}.wav", samples, rate, subtype="FLOAT")
