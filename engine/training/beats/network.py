"""The beat network as torch trains it; the same arithmetic as `engine.audio.beat_network`, which runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.audio.beat_frames import BANDS
from engine.audio.beat_network import STRIDE

CHANNELS, FILTERS, MOMENTS, WIDE, TAPS, LAYERS = 32, 12, 9, 4, 5, 8


class BeatNetwork(nn.Module):
    """From frames (N, steps, bands) to log odds of a beat and of a bar's first, (N, steps, 2)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int = CHANNELS, layers: int = LAYERS) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("deviation", torch.ones(BANDS))
        self.filters = nn.Conv2d(1, FILTERS, (MOMENTS, WIDE), stride=(1, STRIDE), padding=(MOMENTS // 2, 0))
        self.mix = nn.Linear(((BANDS - WIDE) // STRIDE + 1) * FILTERS, channels)
        gaps = [2**k for k in range(layers)]
        self.dilated = nn.ModuleList(
            nn.Conv1d(channels, channels, TAPS, padding=TAPS // 2 * gap, dilation=gap) for gap in gaps
        )
        self.back = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in gaps)
        self.out = nn.Linear(channels, 2)
        self.dropout = nn.Dropout(0.1)

    def forward(self, frames: Tensor) -> Tensor:
        heard = (frames - self.mean) / self.deviation
        filtered = torch.relu(self.filters(heard[:, None]))  # (N, filters, steps, places)
        flat = filtered.permute(0, 2, 3, 1).flatten(2)
        state = torch.relu(self.mix(flat)).transpose(1, 2)  # (N, channels, steps)
        for dilated, back in zip(self.dilated, self.back, strict=True):
            state = state + back(self.dropout(torch.relu(dilated(state))))
        return torch.Tensor(self.out(torch.relu(state).transpose(1, 2)))


def save(network: BeatNetwork, path: Path) -> None:
    """Write the arrays that `engine.audio.beat_network` reads, in half precision."""
    state = network.state_dict()
    arrays = {"mean": state["mean"], "deviation": state["deviation"]}
    arrays["filters"] = state["filters.weight"][:, 0].permute(1, 2, 0)
    arrays["mix"], arrays["out"] = state["mix.weight"].T, state["out.weight"].T
    for name in ("filters", "mix", "out"):
        arrays[f"{name}_bias"] = state[f"{name}.bias"]
    for k in range(len(network.dilated)):
        arrays[f"dilated{k}"] = state[f"dilated.{k}.weight"].permute(2, 1, 0)
        arrays[f"back{k}"] = state[f"back.{k}.weight"][:, :, 0].T
        arrays[f"dilated_bias{k}"], arrays[f"back_bias{k}"] = state[f"dilated.{k}.bias"], state[f"back.{k}.bias"]
    stored: dict[str, Any] = {name: array.numpy().astype(np.float16) for name, array in arrays.items()}
    np.savez_compressed(path, **stored)


def loss(log_odds: Tensor, beats: Tensor, downbeats: Tensor) -> Tensor:
    """Mean cross entropy of both, of (N, steps, 2) and (N, steps); NaN in `downbeats` where no bars are known."""
    known = ~torch.isnan(downbeats)
    own = F.binary_cross_entropy_with_logits(log_odds[..., 0], beats)
    if not known.any():
        return own
    return own + 0.5 * F.binary_cross_entropy_with_logits(log_odds[..., 1][known], downbeats[known])
