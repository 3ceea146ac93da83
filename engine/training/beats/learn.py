"""Trains the beat network on excerpts from a folder; a snapshot whenever the held-out loss has fallen."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.training.beats.excerpts import load
from engine.training.beats.network import BeatNetwork, loss, save
from engine.training.progress import Progress

CROP_STEPS, BATCH, CHECKS = 500, 16, 11  # of 10 s; excerpts of a step; held-out batches
_PEAK_RATE, _WARM_SHARE = 3e-3, 0.03
_EVERY = 250
Batch = tuple[Tensor, Tensor, Tensor]


class Excerpts:
    """All excerpts of a folder in memory, in half precision."""

    def __init__(self, folder: Path) -> None:
        loaded = [load(path) for path in sorted(folder.glob("*.npz"))]
        if not loaded:
            raise ValueError(f"{folder}: no excerpts")
        self.frames = [excerpt.frames for excerpt in loaded]
        self.targets = [excerpt.targets() for excerpt in loaded]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Crops of excerpts by chance, some bands louder and softer."""
        rows = []
        for index in rng.integers(len(self.frames), size=BATCH):
            first = int(rng.integers(0, len(self.frames[index]) - CROP_STEPS + 1))
            part = slice(first, first + CROP_STEPS)
            frames = self.frames[index][part].astype(np.float32)
            rows.append((frames + _tilt(rng, frames.shape[1]), *(target[part] for target in self.targets[index])))
        frames, beats, downbeats = (torch.from_numpy(np.stack(field)) for field in zip(*rows, strict=True))
        return frames, beats, downbeats


def _tilt(rng: np.random.Generator, bands: int) -> np.ndarray:
    """An equaliser by chance, in the frames' own measure."""
    return np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), rng.normal(0, 0.3, 5)).astype(np.float32)


def learn(train: Path, valid: Path, out: Path, steps: int, seed: int = 0) -> float:
    """Train for so many steps and write `out`; returns the least held-out loss."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    excerpts, held = Excerpts(train), Excerpts(valid)
    network = BeatNetwork()
    _standardise(network, excerpts)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_PEAK_RATE, weight_decay=1e-2)
    checks = [held.batch(np.random.default_rng(k)) for k in range(CHECKS)]
    best = math.inf
    with Progress("beats") as progress:
        for step in range(steps):
            value = _step(network, optimiser, excerpts.batch(rng), _rate(step / steps))
            progress.step(step + 1, steps, {"loss": value})
            if (step + 1) % _EVERY == 0 or step + 1 == steps:
                now = _held_out(network, checks)
                progress.console.print(f"step {step + 1}: held out {now:.4f}")
                if now < best:
                    best = now
                    save(network, out)
    return best


def _step(network: BeatNetwork, optimiser: torch.optim.Optimizer, batch: Batch, rate: float) -> float:
    for group in optimiser.param_groups:
        group["lr"] = _PEAK_RATE * rate
    frames, beats, downbeats = batch
    value = loss(network.train()(frames), beats, downbeats)
    optimiser.zero_grad()
    value.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(value.detach())


def _held_out(network: BeatNetwork, checks: list[Batch]) -> float:
    with torch.no_grad():
        return float(np.mean([float(loss(network.eval()(f), b, d)) for f, b, d in checks]))


def _rate(done: float) -> float:
    """Up, then down to nothing as a cosine."""
    return done / _WARM_SHARE if done < _WARM_SHARE else 0.5 * (1 + math.cos(math.pi * done))


def _standardise(network: BeatNetwork, excerpts: Excerpts) -> None:
    some = np.concatenate([frames[::10].astype(np.float32) for frames in excerpts.frames[:400]])
    network.mean.copy_(torch.from_numpy(some.mean(axis=0)))
    network.deviation.copy_(torch.from_numpy(some.std(axis=0) + 0.1))
