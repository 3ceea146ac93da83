"""Tempo and bar phase of the music around a window, for models that read a beat grid. Knows no model."""

from __future__ import annotations

from engine.audio.buffer import Samples
from engine.tasks.beat_grid import TempoMap


def estimate_tempo_map(samples: Samples, sample_rate: int, start_seconds: float, bpm: float | None) -> TempoMap | None:
    """A one-point map from the onsets of `samples`, whose first is at `start_seconds` of the source, or None."""
    return None
