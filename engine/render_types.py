"""What a render gives back. Knows no network and no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(eq=False)
class Render:
    """One result.

    `audio` is float32 (channels, samples) at `sample_rate`; `latents` float32 (8, 16, T) of the window that the model
    made, context included. `timings` are seconds by stage (of the whole batch). `report` holds "model", "request"
    (resolved), "seed", "retake_seed", "warnings", and for tasks with a source "window", "region" and "changed"
    ([start, end) in samples of the source), "offset" (position of `audio`'s first sample there) and "seam_report".
    `kept` is False for candidates that were not chosen.
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
