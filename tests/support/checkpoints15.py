"""The tiny checkpoints of ACE-Step 1.5, loaded once, and short requests for them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import engine
from engine.model import Model, load
from tests.support.golden15_runs import OURS

TINY15 = OURS / "tiny_checkpoint"
RATE = 48000


@cache
def model(checkpoint: str = "turbo") -> Model:
    return load(TINY15 / checkpoint, device="cpu")


def music(seconds: float = 6.0, rate: int = RATE, channels: int = 2) -> engine.Audio:
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(3)
    tones = [0.3 * np.sin(2 * np.pi * f * t) + 0.02 * rng.standard_normal(t.size) for f in (220.0, 331.0)]
    return engine.Audio(np.stack(tones[:channels]).astype(np.float32), rate)


def quick(**fields: Any) -> dict[str, Any]:
    return {"tags": "house, a warm bass", "seed": 7, "number_of_steps": 3, **fields}


def inpaint(**fields: Any) -> engine.Inpaint:
    given = {"start_time": 2.013, "end_time": 3.5, "context_seconds": 1.0, **fields}
    return engine.Inpaint(**quick(audio=music(), **given))


def said(result: engine.Render) -> str:
    return "\n".join(result.report["warnings"])
