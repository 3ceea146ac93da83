"""What to expect of this machine: how fast it was in its own jobs, else what the full model would take, roughly.

Reads the job store without changing it; loads no torch.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.system.processor_rates import ProcessorRates

JOBS = 60
REGION_SECONDS, CONTEXT_SECONDS = 10.0, 10.0


@dataclass(frozen=True)
class Speed:
    """A model's best pace in the jobs of this machine: seconds of audio (region and context) a second of work."""

    model: str
    pace: float
    jobs: int

    @property
    def text(self) -> str:
        """As a sentence."""
        audio = REGION_SECONDS + 2 * CONTEXT_SECONDS
        took = f"{REGION_SECONDS:g} s with {CONTEXT_SECONDS:g} s on each side: about {audio / self.pace:.1f} s"
        return f"{self.model}: {self.pace:.1f} s of audio a second, the best of {self.jobs} job(s) here; {took}"


def measured_speeds(store: Path) -> list[Speed]:
    """Of each model that made something here lately."""
    paces: dict[str, list[float]] = {}
    for model, pace in _paces(store):
        paces.setdefault(model, []).append(pace)
    return [Speed(model, max(steps_per_second), len(steps_per_second)) for model, steps_per_second in paces.items()]


def _paces(store: Path) -> Iterator[tuple[str, float]]:
    if not store.is_file():
        return
    query = "SELECT started, finished, outcome FROM jobs WHERE state = 'completed' ORDER BY number DESC LIMIT ?"
    with contextlib.suppress(sqlite3.Error, ValueError, KeyError, TypeError):
        with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(query, (JOBS,)).fetchall()
        for started, finished, outcome in rows:
            result: list[dict[str, Any]] = json.loads(outcome)["result"]
            if finished > started and result:
                yield str(result[0]["model"]["name"]), _seconds(result) / (finished - started)


def _seconds(result: list[dict[str, Any]]) -> float:
    """Seconds of audio that the model worked on, all variations."""
    total = 0.0
    for entry in result:
        audio, window = entry["audio"], entry.get("report", {}).get("window")
        samples = window[1] - window[0] if window else audio["samples"]
        total += samples / audio["sample_rate"]
    return total


def full_model_time(device: str, cores: int, model: str, rates: ProcessorRates | None) -> str:
    """How long a full model would work on such a region here, and where the figure comes from."""
    from bridge.demo.full_model import basis, duration_words, expected_seconds

    seconds = expected_seconds(device, cores, REGION_SECONDS + 2 * CONTEXT_SECONDS, rates, model)
    return f"{duration_words(seconds)} ({basis(device, rates)})"
