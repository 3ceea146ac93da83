"""MIDI files as notes in beats, where they lie on the beats that they state. Needs `mido`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DRUMS = 9
_DEFAULT_BPM = 120.0
_LEAST_NOTES = 24
_ON_THE_GRID, _GRIDS = 0.06, (4, 6)  # beats; parts of a beat that notes begin on
_LEAST_ON_THE_GRID = 0.6
_VOLUME = 7


@dataclass(frozen=True, eq=False)
class Score:
    """Notes in beats: `starts`, `lengths`, `pitches`, `levels` (0 to 1) and `channels`, (n,) each.

    `programs` by channel; `meter` are the beats of a bar, 0 where the file does not say; `bpm` is the file's own.
    `threes`: a beat is three eighths.
    """

    name: str
    starts: Array
    lengths: Array
    pitches: NDArray[np.int64]
    levels: Array
    channels: NDArray[np.int64]
    programs: dict[int, int]
    meter: int
    bpm: float
    threes: bool = False

    @property
    def beats(self) -> float:
        """Length to the last note's beginning."""
        return float(self.starts.max(initial=0.0))

    def only(self, kept: NDArray[np.bool_]) -> Score:
        """These notes of it."""
        return replace(
            self,
            starts=self.starts[kept],
            lengths=self.lengths[kept],
            pitches=self.pitches[kept],
            levels=self.levels[kept],
            channels=self.channels[kept],
        )


def read_score(path: Path) -> Score | None:
    """The notes of a MIDI file; None where it is none, too short, or not on its own beats."""
    try:
        file = mido.MidiFile(path)
    except (OSError, ValueError, EOFError, KeyError, IndexError):
        return None
    if file.type == 2 or not file.ticks_per_beat:
        return None
    rows, programs, meter, bpm = _walk(file)
    if len(rows) < _LEAST_NOTES:
        return None
    table = np.array(rows)
    three = meter is not None and meter[1] == 8 and meter[0] % 3 == 0
    unit = 1.5 if three else 1.0
    count = 0 if meter is None else round(meter[0] * 4 / meter[1] / unit)
    starts = table[:, 0] / unit
    score = Score(
        path.stem,
        starts,
        table[:, 1] / unit,
        table[:, 2].astype(np.int64),
        table[:, 3],
        table[:, 4].astype(np.int64),
        programs,
        count,
        bpm / unit,
        three,
    )
    return score if on_its_beats(starts) else None


def with_drums_of(score: Score, other: Score | None) -> Score:
    """A score and the drums of another one with the same bars, over and over; itself where they do not go together."""
    if other is None or other.meter != score.meter or other.threes != score.threes or not score.meter:
        return score
    drums = other.only(other.channels == DRUMS)
    if drums.starts.size < _LEAST_NOTES:
        return score
    length = np.ceil(other.beats / score.meter) * score.meter
    times = int(np.ceil(score.beats / length))
    shifts = np.repeat(np.arange(times) * length, drums.starts.size)
    return replace(
        score,
        starts=np.concatenate([score.starts, np.tile(drums.starts, times) + shifts]),
        lengths=np.concatenate([score.lengths, np.tile(drums.lengths, times)]),
        pitches=np.concatenate([score.pitches, np.tile(drums.pitches, times)]),
        levels=np.concatenate([score.levels, np.tile(drums.levels, times)]),
        channels=np.concatenate([score.channels, np.tile(drums.channels, times)]),
    )


def on_its_beats(starts: Array) -> bool:
    """Whether most notes begin on quarters or sixths of beats."""
    off = [np.abs(starts * parts - np.rint(starts * parts)) / parts for parts in _GRIDS]
    return float(np.mean(np.min(off, axis=0) < _ON_THE_GRID)) >= _LEAST_ON_THE_GRID and _not_by_chance(starts)


def _not_by_chance(starts: Array) -> bool:
    """Notes at any time would do so, too: more than that have to begin on halves of beats."""
    off = np.abs(starts * 2 - np.rint(starts * 2)) / 2
    return float(np.mean(off < _ON_THE_GRID)) > 1.4 * 4 * _ON_THE_GRID


def _walk(file: mido.MidiFile) -> tuple[list[list[float]], dict[int, int], tuple[int, int] | None, float]:
    """Rows of (start, length in quarters, pitch, level, channel), programs, meter and mean tempo."""
    tick, rows = 0, []
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    programs: dict[int, int] = {}
    volumes: dict[int, int] = {}
    meter, tempos = None, [_DEFAULT_BPM]
    for message in mido.merge_tracks(file.tracks):
        tick += message.time
        if message.type == "set_tempo":
            tempos.append(mido.tempo2bpm(message.tempo))
        elif message.type == "time_signature" and meter is None:
            meter = message.numerator, message.denominator
        elif message.type == "program_change":
            programs.setdefault(message.channel, message.program)
        elif message.type == "control_change" and message.control == _VOLUME:
            volumes.setdefault(message.channel, message.value)
        elif message.type in ("note_on", "note_off"):
            key = message.channel, message.note
            if key in sounding:
                began, velocity = sounding.pop(key)
                level = velocity / 127 * volumes.get(message.channel, 100) / 100
                rows.append(
                    [
                        began / file.ticks_per_beat,
                        (tick - began) / file.ticks_per_beat,
                        float(message.note),
                        min(level, 1.0),
                        float(message.channel),
                    ]
                )
            if message.type == "note_on" and message.velocity > 0:
                sounding[key] = tick, message.velocity
    return sorted(rows), programs, meter, float(np.median(tempos[1:] or tempos))
