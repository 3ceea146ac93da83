"""What the fake's audio accessors return: the real samples of WAV files, as REAPER would play them."""

from __future__ import annotations

import numpy as np
import soundfile

from .model import Item, Project, Take, Track

SILENT = ("MIDI", "OFFLINEWAVE")
GENERATED = {"CLICK": 880.0, "LTC": 2400.0}  # what REAPER makes itself, without a file: Hz of a stand-in tone


def _read(path: str, first: int, count: int) -> np.ndarray:
    with soundfile.SoundFile(path) as file:
        file.seek(min(first, file.frames))
        return file.read(count, dtype="float64", always_2d=True)


def source_info(path: str) -> tuple[float, int, int]:
    """(seconds, sample rate, channels) of a file."""
    info = soundfile.info(path)
    return info.frames / info.samplerate, info.samplerate, info.channels


def read_take(take: Take, times: np.ndarray, channels: int) -> np.ndarray:
    """Samples (n, channels) of a take at `times`, seconds counted from the item's start."""
    if take.source is None or take.source.kind in SILENT:
        return np.zeros((len(times), channels))
    if take.source.kind in GENERATED:
        tone = 0.25 * np.sin(2 * np.pi * GENERATED[take.source.kind] * times) * take.values["D_VOL"]
        return np.repeat(tone[:, None], channels, 1)
    seconds, rate, _ = source_info(take.source.path)
    at = (take.values["D_STARTOFFS"] + times * take.values["D_PLAYRATE"]) * rate
    first = min(max(int(at.min()) - 1, 0), round(seconds * rate) - 1)
    part = _read(take.source.path, first, max(int(at.max()) + 2 - first, 1))
    grid = np.arange(first, first + len(part))
    columns = [np.interp(at, grid, part[:, c % part.shape[1]], 0, 0) for c in range(channels)]
    return np.stack(columns, 1) * take.values["D_VOL"]


def _gain(item: Item, times: np.ndarray) -> np.ndarray:
    length, gain = item.values["D_LENGTH"], np.full(len(times), item.values["D_VOL"])
    for fade, distance in ((item.values["D_FADEINLEN"], times), (item.values["D_FADEOUTLEN"], length - times)):
        if fade > 0:
            gain = gain * np.clip(distance / fade, 0, 1)
    return gain * ((times >= 0) & (times < length))


def plays(track: Track, item: Item) -> bool:
    """Whether an item is heard: not muted, and in a lane that plays (below 0 it is hidden, whatever the track)."""
    lane = item.values["C_LANEPLAYS"]
    off = lane < 0 or (lane == 0 and track.values["I_FREEMODE"] == 2)
    return bool(item.takes) and not item.values["B_MUTE"] and not off


def read_track(track: Track, times: np.ndarray, channels: int) -> np.ndarray:
    """Samples (n, channels) of a track before its FX: all items with volume and fades."""
    mixed = np.zeros((len(times), channels))
    for item in track.items:
        if plays(track, item):
            local = times - item.start
            mixed += read_take(item.takes[item.active], local, channels) * _gain(item, local)[:, None]
    return mixed


def render(project: Project) -> None:
    """Action 42230: the selected track with its FX (each one halves the volume) by the render settings.

    A folder (I_FOLDERDEPTH 1) plays the tracks after it, too; via the master (RENDER_SETTINGS 128) all is inverted.
    RENDER_NORMALIZE makes the peak 1; a second format (RENDER_FORMAT2) is one more file.
    """
    info, strings = project.info, project.strings
    track = next(t for t in project.tracks if t.selected)
    at = project.tracks.index(track)
    heard = project.tracks[at:] if track.values["I_FOLDERDEPTH"] > 0 else [track]
    rate = int(info["PROJECT_SRATE"])
    times = np.arange(info["RENDER_STARTPOS"], info["RENDER_ENDPOS"], 1 / rate)
    mixed = sum((read_track(t, times, int(info["RENDER_CHANNELS"])) for t in heard), np.zeros((len(times), 2)))
    samples = mixed * 0.5 ** len(track.fx) * (-1 if info["RENDER_SETTINGS"] == 128 else 1)
    if info.get("RENDER_NORMALIZE"):
        samples = samples / np.abs(samples).max()
    stem = f"{strings['RENDER_FILE']}/{strings['RENDER_PATTERN']}"
    soundfile.write(f"{stem}.wav", samples, rate, subtype="FLOAT")
    if strings.get("RENDER_FORMAT2"):
        soundfile.write(f"{stem}.flac", samples, rate)
