"""Keys, chords and progressions as numbers, and the chord of each latent frame. Knows no torch and no audio.

A model with `lyric_input: "chord_grid"` reads, frame by frame, where in its bar the frame lies (`beat_grid`) and which
chord sounds: id = beat id + 193 * chord, with chord 0 for "unknown" and 1 + 2 * root + (1 if minor) for a triad.
"""

from __future__ import annotations

import itertools
import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.constants import FRAME_RATE
from engine.grid.beat_grid import VOCABULARY as BEAT_IDS
from engine.grid.tempo_map import TempoMap, TempoPoint

NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = {1: "Db", 3: "Eb", 6: "Gb", 8: "Ab", 10: "Bb"}
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
CHORDS = 25
VOCABULARY = BEAT_IDS * CHORDS
UNTIMED = TempoPoint(0.0, 120.0)

# Scale degrees, one chord a bar
PROGRESSIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": (
        (0, 4, 5, 3),
        (0, 5, 3, 4),
        (0, 3, 4, 3),
        (0, 3, 0, 4),
        (0, 2, 3, 4),
        (0, 0, 3, 4),
        (0, 4, 3, 3),
        (0, 3, 5, 4),
    ),
    "minor": (
        (0, 5, 2, 6),
        (0, 3, 5, 4),
        (0, 6, 5, 6),
        (0, 5, 3, 6),
        (0, 0, 5, 6),
        (0, 2, 6, 3),
        (0, 3, 0, 4),
        (0, 6, 5, 4),
    ),
}
_NAMES = {name.lower(): index for index, name in enumerate(NOTE_NAMES)}
_MINOR_MOODS = ("sad", "dark", "melanchol", "moody", "emotional", "intense", "minor", "scary", "tense", "gloomy")
_MAJOR_MOODS = ("happy", "upbeat", "cheerful", "uplifting", "peaceful", "calm", "major", "joyful", "playful", "bright")
_SIGNS = {"#": "#", "♯": "#", "sharp": "#", "b": "b", "♭": "b", "flat": "b", "": ""}
_KEY_WORDS = re.compile(
    r"(?<![\w#♯♭])([a-g])(\s?(?:#|♯|♭|sharp|flat)|b)?[\s-]*(major|maj|minor|min)(?![a-z])", re.IGNORECASE
)
_SHORT_MINOR = re.compile(r"(?<![\w#♯♭])([A-G])(#|♯|♭|b)?m(?!\w)")


@dataclass(frozen=True)
class Key:
    """A root (pitch class, 0 = C) and a mode, "major" or "minor"."""

    root: int
    mode: str

    @property
    def scale(self) -> tuple[int, ...]:
        """Semitones above the root."""
        return MAJOR if self.mode == "major" else MINOR

    @property
    def scale_classes(self) -> frozenset[int]:
        """Pitch classes of the scale; a key and its relative have the same."""
        return frozenset((self.root + step) % 12 for step in self.scale)

    def pitch(self, degree: int) -> int:
        """Semitones above the root's lowest octave for any scale degree, negative ones too."""
        octave, step = divmod(degree, 7)
        return self.root + 12 * octave + self.scale[step]

    @property
    def triads(self) -> tuple[tuple[int, ...], ...]:
        """The triads on the seven degrees."""
        return tuple(self.chord(degree) for degree in range(7))

    def chord(self, degree: int, sevenths: bool = False) -> tuple[int, ...]:
        """Pitch classes of the chord on a degree; the fifth of a minor key gets its major third."""
        steps = (0, 2, 4, 6) if sevenths else (0, 2, 4)
        classes = [self.pitch(degree + s) % 12 for s in steps]
        if self.mode == "minor" and degree % 7 == 4:
            classes[1] = (classes[0] + 4) % 12
        return tuple(classes)


KEYS = tuple(Key(root, mode) for root in range(12) for mode in ("major", "minor"))


@dataclass(frozen=True)
class Harmony:
    """A key, and chord numbers of bars, by the bars' numbers."""

    key: Key
    chords: dict[int, int]


def key_name(words: str) -> str | None:
    """The first key in words such as "house, F# minor", "Bb maj", "c sharp min" or "Am", as "Bb major"; or None."""
    match = _KEY_WORDS.search(words) or _SHORT_MINOR.search(words)
    if match is None:
        return None
    letter, sign, *mode = match.groups(default="")
    name = letter.upper() + _SIGNS[sign.strip().lower()]
    return f"{name} {'major' if mode and mode[0].lower().startswith('maj') else 'minor'}"


def key_from_words(words: str) -> Key | None:
    """The first key in words (see `key_name`), or None."""
    name = key_name(words)
    if name is None:
        return None
    note, mode = name.split()
    return Key((_NAMES[note[0].lower()] + note.count("#") - note.count("b", 1)) % 12, mode)


def key_for_words(words: str) -> Key:
    """A key for words that name none: the same for the same words, in the mode of their mood if they have one."""
    number = _number(words)
    minor, major = (any(mood in words.lower() for mood in moods) for moods in (_MINOR_MOODS, _MAJOR_MOODS))
    mode = "minor" if minor else "major" if major else ("minor", "major")[number // 12 % 2]
    return Key(number % 12, mode)


def _number(words: str) -> int:
    return zlib.crc32(" ".join(words.lower().split()).encode())


def chord_number(classes: Sequence[int]) -> int:
    """The number of a triad given as pitch classes, root first; what has a minor third counts as minor."""
    return 1 + 2 * (classes[0] % 12) + (1 if (classes[1] - classes[0]) % 12 == 3 else 0)


@dataclass(frozen=True)
class FrameBars:
    """The bars under the latent frames of a window: their numbers, one for each frame, and their times in seconds."""

    numbers: tuple[int, ...]
    times: dict[int, tuple[float, float]]


def bars_of_frames(tempo_map: TempoMap | None, start_seconds: float, frames: int) -> FrameBars:
    """The bars under `frames` latent frames of a window that starts at `start_seconds` of the source.

    Bars are counted from the map's first point. Without a map a bar is 2 s long.
    """
    points = tempo_map.points if tempo_map is not None and tempo_map.points else (UNTIMED,)
    firsts = _first_bars(points)
    bars = TempoMap(points)
    numbers, times = [], {}
    for frame in range(frames):
        point, position = bars.bars_at(start_seconds + (frame + 0.5) / FRAME_RATE)
        within = math.floor(position + 1e-9)
        number = firsts[points.index(point)] + within
        start = point.time + (within - point.bar_phase) * point.bar_seconds
        numbers.append(number)
        times[number] = (start, start + point.bar_seconds)
    return FrameBars(tuple(numbers), times)


def planned_chords(bars: Iterable[int], key: Key, words: str, heard: Harmony | None = None) -> dict[int, int]:
    """Chord numbers for bars, by their numbers in the project.

    A bar has the chord that is heard there, or four, eight, ... bars away; where there is none, or the key has another
    scale than what is heard, a progression of the key's mode. Which one depends on `words`, so what is made in two
    windows with the same words goes together.
    """
    table = PROGRESSIONS[key.mode]
    degrees = table[_number(words) % len(table)]
    known = heard.chords if heard is not None and heard.key.scale_classes == key.scale_classes else {}
    return {bar: _repeated(bar, known) or chord_number(key.chord(degrees[bar % len(degrees)])) for bar in bars}


def _repeated(bar: int, chords: dict[int, int]) -> int | None:
    """The chord of the nearest bar that lies a multiple of four bars away, earlier ones first."""
    nearest = sorted((abs(other - bar), other) for other in chords if (other - bar) % 4 == 0)
    return chords[nearest[0][1]] if nearest else None


def _first_bars(points: Sequence[TempoPoint]) -> list[int]:
    """The number of the bar in which each point lies, from 0 at the first point."""
    firsts = [0]
    for before, after in itertools.pairwise(points):
        firsts.append(firsts[-1] + round(before.bar_phase + (after.time - before.time) / before.bar_seconds))
    return firsts


def grid_ids(beats: Sequence[int], chords: Sequence[int]) -> list[int]:
    """Beat ids and chord numbers, frame by frame, as the ids that a model reads."""
    return [beat + BEAT_IDS * chord for beat, chord in zip(beats, chords, strict=True)]
