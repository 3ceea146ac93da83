"""What the tests of networks and checkpoints share: the tiny checkpoint, the goldens, the measure of error."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch.fx.experimental.proxy_tensor import make_fx

from engine.checkpoints.load import load_networks
from engine.checkpoints.networks import Networks
from tests.support.paths import GOLDEN, TINY

LIMIT = 1e-3


@functools.cache
def tiny_networks() -> Networks:
    """The tiny checkpoint in float32. Shared: tests that change weights load their own."""
    return load_networks(TINY)


@functools.cache
def golden(name: str) -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / f"{name}.safetensors")


def real_config(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / "real_configs" / f"{name}.config.json").read_text())


def real_shapes(name: str) -> dict[str, tuple[int, ...]]:
    states = json.loads((GOLDEN / "state_dicts" / f"state_dict_{name}.json").read_text())["state_dict"]
    return {key: tuple(entry["shape"]) for key, entry in states.items()}


def relative_error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    assert got.shape == wanted.shape
    got, wanted = got.detach().double(), wanted.detach().double()
    return float((got - wanted).norm() / wanted.norm())


def resample(audio: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """The spec's resampler written plainly, one output sample at a time by phase: audio (C, n)."""
    common = math.gcd(old, new)
    o, n = old // common, new // common
    base = 0.99 * min(o, n)
    width = math.ceil(6 * o / base)
    places = np.arange(-width, width + o) / o
    times = np.clip((places[None] - np.arange(n)[:, None] / n) * base, -6, 6)
    kernel = torch.from_numpy(np.sinc(times) * np.cos(times * np.pi / 12) ** 2 * base / o).float()
    padded = torch.nn.functional.pad(audio, (width, width + o))
    phases = torch.nn.functional.conv1d(padded[:, None], kernel[:, None], stride=o)
    return phases.transpose(1, 2).flatten(1)[:, : math.ceil(n * audio.shape[-1] / old * common)]


def replayed(run: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    """`run` as a CUDA graph replays it: the operations that it makes now, on the tensors that they read now."""
    graph = make_fx(run)()
    return lambda: graph().clone()
