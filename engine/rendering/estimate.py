"""Tempo and bar phase of the music around a window, for models that read a beat grid. Knows no model."""

from __future__ import annotations

from engine.audio.buffer import Samples
from engine.audio.tempo import estimate_beat
from engine.tasks.beat_grid import TempoMap, TempoPoint

LONGEST_SECONDS = 30.0


def estimate_tempo_map(samples: Samples, sample_rate: int, start_seconds: float, bpm: float | None) -> TempoMap | None:
    """A one-point map from the onsets of `samples`, whose first is at `start_seconds` of the source.

    With `bpm` given only the phase is looked for. None where no steady beat is found. Beats do not tell where a bar
    begins: the first one found is taken for a downbeat.
    """
    heard = samples[:, : round(LONGEST_SECONDS * sample_rate)]
    beat = estimate_beat(heard, sample_rate, bpm)
    if not beat.found:
        return None
    return TempoMap((TempoPoint(start_seconds + beat.first_beat_seconds, beat.bpm),))
