"""Keys, scales, chords and progressions as numbers. Knows no instrument, no time and no sound."""

from __future__ import annotations

from dataclasses import dataclass

NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = {1: "Db", 3: "Eb", 6: "Gb", 8: "Ab", 10: "Bb"}
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)

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
JAZZ_PROGRESSIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": ((1, 4, 0, 5), (0, 5, 1, 4), (2, 5, 1, 4), (0, 3, 1, 4)),
    "minor": ((0, 3, 1, 4), (0, 5, 1, 4), (3, 6, 2, 5), (0, 0, 3, 4)),
}


@dataclass(frozen=True)
class Key:
    """A root (pitch class, 0 = C) and a mode, "major" or "minor"."""

    root: int
    mode: str

    @property
    def scale(self) -> tuple[int, ...]:
        """Semitones above the root."""
        return MAJOR if self.mode == "major" else MINOR

    def pitch(self, degree: int) -> int:
        """Semitones above the root's lowest octave for any scale degree, negative ones too."""
        octave, step = divmod(degree, 7)
        return self.root + 12 * octave + self.scale[step]

    def chord(self, degree: int, sevenths: bool = False) -> tuple[int, ...]:
        """Pitch classes of the chord on a degree; the fifth of a minor key gets its major third."""
        steps = (0, 2, 4, 6) if sevenths else (0, 2, 4)
        classes = [self.pitch(degree + s) % 12 for s in steps]
        if self.mode == "minor" and degree % 7 == 4:
            classes[1] = (classes[0] + 4) % 12
        return tuple(classes)


def voicing(classes: tuple[int, ...], low: int) -> list[int]:
    """MIDI notes of the chord's classes, each in the octave that starts at `low`."""
    return sorted(low + (c - low) % 12 for c in classes)


def frequency(midi: float) -> float:
    """Equal temperament, A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))
