"""What the generator knows of music beyond `engine.grid.harmony`. Knows no instrument, no time and no sound."""

from __future__ import annotations

JAZZ_PROGRESSIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": ((1, 4, 0, 5), (0, 5, 1, 4), (2, 5, 1, 4), (0, 3, 1, 4)),
    "minor": ((0, 3, 1, 4), (0, 5, 1, 4), (3, 6, 2, 5), (0, 0, 3, 4)),
}


def voicing(classes: tuple[int, ...], low: int) -> list[int]:
    """MIDI notes of the chord's classes, each in the octave that starts at `low`."""
    return sorted(low + (c - low) % 12 for c in classes)


def frequency(midi: float) -> float:
    """Equal temperament, A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))
