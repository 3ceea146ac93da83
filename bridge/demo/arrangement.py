"""The demo's song: a score in the package, played into stems. Knows no daemon, no project file and no picture."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.buffer import Audio
from engine.audio.files import read
from engine.audio.write import write_audio
from engine.constants import MODEL_SAMPLE_RATE
from engine.training.music.drums import make_kit
from engine.training.music.voices import KINDS, Voice, make_voice

Samples = NDArray[np.float32]
STROKES = {"X": 1.0, "x": 0.75, "o": 0.4}
BEATS_A_BAR = 4
STEPS_A_BAR = 16


@dataclass(frozen=True)
class Song:
    """The score as the package holds it. Times in seconds; bars of 4/4 at one tempo."""

    title: str
    bpm: float
    bars: int
    time_selection_bars: tuple[int, int]
    regenerate: dict[str, str]
    chords: list[list[int]]
    tracks: list[dict[str, Any]]

    @property
    def bar_seconds(self) -> float:
        return BEATS_A_BAR * 60.0 / self.bpm

    @property
    def seconds(self) -> float:
        return self.bars * self.bar_seconds

    @property
    def time_selection(self) -> tuple[float, float]:
        first, last = self.time_selection_bars
        return first * self.bar_seconds, last * self.bar_seconds


def load_song() -> Song:
    """The song that ships with the package."""
    text = importlib.resources.files("bridge.demo").joinpath("score.json").read_text(encoding="utf-8")
    return Song(**json.loads(text))


def write_stems(song: Song, folder: Path) -> dict[str, Path]:
    """Every track as a stereo 24-bit WAV at 44.1 kHz; track name to path. The same files each time."""
    paths = {}
    for track in song.tracks:
        path = folder / f"{track['name']}.wav"
        write_audio(path, Audio(play(song, track), MODEL_SAMPLE_RATE), bit_depth="24")
        paths[track["name"]] = path
    return paths


def write_mix(stems: Sequence[Path], path: Path) -> Path:
    """The sum of stems of one rate and length, lowered where it would clip, as a 24-bit WAV."""
    parts = [read(stem) for stem in stems]
    mix: Samples = np.stack([part.to_stereo().samples for part in parts]).sum(axis=0, dtype=np.float32)
    loudest = float(np.abs(mix).max())
    mix = mix * np.float32(0.98 / loudest) if loudest > 1 else mix
    return write_audio(path, Audio(mix, parts[0].sample_rate), bit_depth="24")


def play(song: Song, track: dict[str, Any]) -> Samples:
    """One track: float32 (2, samples)."""
    mix = np.zeros((2, round(song.seconds * MODEL_SAMPLE_RATE)), dtype=np.float32)
    random = np.random.default_rng(track["timbre"])
    if track["kind"] == "drums":
        _play_drums(song, track, mix, make_kit(random))
    else:
        voice = make_voice(random, KINDS[track["kind"]][track["sound"]], 1.0)
        for bar in range(song.bars):
            _play_bar(song, track, mix, voice, bar)
    clipped: Samples = np.clip(mix * np.float32(track["gain"]), -1.0, 1.0)
    return clipped


def _play_drums(song: Song, track: dict[str, Any], mix: Samples, kit: dict[str, NDArray[np.float32]]) -> None:
    for bar in range(song.bars):
        for drum, strokes in track["bar"].items():
            for step, stroke in enumerate(strokes):
                if stroke in STROKES:
                    _add(mix, _at(song, bar, step), kit[drum] * np.float32(STROKES[stroke]))


def _play_bar(song: Song, track: dict[str, Any], mix: Samples, voice: Voice, bar: int) -> None:
    chord = song.chords[bar % len(song.chords)]
    if track.get("hold"):
        for note in chord:
            _add(mix, _at(song, bar, 0), voice.note(note, song.bar_seconds * 0.98))
        return
    step_seconds = song.bar_seconds / STEPS_A_BAR
    for step, mark in enumerate(track["steps"]):
        for note in _notes(mark, chord, track.get("octave", 0)):
            _add(mix, _at(song, bar, step), voice.note(note, step_seconds * 1.8))


def _notes(mark: str, chord: list[int], octave: int) -> list[int]:
    """r root, 5 fifth, c the whole chord, . rest."""
    return {"r": [chord[0] + octave], "5": [chord[0] + 7 + octave], "c": [n + octave for n in chord]}.get(mark, [])


def _at(song: Song, bar: int, step: int) -> int:
    return round((bar + step / STEPS_A_BAR) * song.bar_seconds * MODEL_SAMPLE_RATE)


def _add(mix: Samples, start: int, sound: NDArray[np.float32]) -> None:
    length = min(sound.shape[-1], mix.shape[1] - start)
    mix[:, start : start + length] += sound[..., :length]
