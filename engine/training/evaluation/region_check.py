"""Inpainting as the product does it, measured on the averaged weights while the transformer trains.

The same request and rules as the evaluation's, on held-out seeds that the evaluation does not use. Trains nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

import engine
from engine.training.evaluation.edits import inpaint
from engine.training.evaluation.figures import lines_of
from engine.training.evaluation.runner import columns

SEEDS = range(900_000, 900_006)  # below dataset.HELD_OUT_SEEDS, above those of `evaluate`


def check_inpainting(checkpoint: Path, step: int, log: Path, seeds: range | None = None) -> dict[str, float]:
    """Inpaint one clip a seed with a checkpoint folder's weights; append step and shares to `log`, and return them.

    Seeds are `SEEDS` when not given.
    The state of torch's random numbers is left as it was, so that a training with checks is the same as one without.
    """
    seeds = SEEDS if seeds is None else seeds
    with torch.random.fork_rng(devices=[]):
        model = engine.load(str(checkpoint), device="cpu")
        rows = [{"values": inpaint(model, seed)} for seed in seeds]
    shares = {line.figure.name: line.made for line in lines_of(columns(rows))}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, "samples": len(seeds), "shares": shares}) + "\n")
    return shares
