"""What a render gives back, and how it becomes a file. Knows no network and no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.rendering.source import Source
from engine.rendering.write import write_render


@dataclass(eq=False)
class Render:
    """One result.

    `audio` is float32 (channels, samples) at `sample_rate`; `latents` float32 (8, 16, T) of the window that the model
    made, context included. `timings` are seconds by stage (of the whole batch). `report` holds "model", "task",
    "request" (resolved), "seed", "retake_seed", "warnings", "memory", and for tasks with a source "window" and "region"
    ([start, end) in samples of the source), "regions", "changed" (regions with their fades), "offset" (position of
    `audio`'s first sample there) and "seam_report". `kept` is False for candidates that were not chosen. `source` is
    what `write` copies unchanged samples from.
    """

    audio: NDArray[np.float32]
    sample_rate: int
    latents: NDArray[np.float32]
    seed: int
    retake_seed: int
    timings: dict[str, float] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    variation: int = 0
    candidate: int = 0
    kept: bool = True
    source: Source | None = None

    def write(
        self,
        path: str | os.PathLike[str],
        recipe: dict[str, Any] | None = None,
    ) -> Path:
        """Write the result as `engine.rendering.write` does; `recipe` None writes the report's own.

        Raises InvalidRequest for a format that cannot hold it, WriteError if it fails.
        """
        write_render(path, self, self.report.get("recipe") if recipe is None else recipe)
        return Path(path)
