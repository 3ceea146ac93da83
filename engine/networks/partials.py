"""A small network that finds partials in low bins: how strong a bin is, and at which frequency it turns.

Knows no audio. A log-mel has bands 28 Hz apart below 1 kHz, more than a semitone there, and a codec blurs them further.
Over some tenths of a second the pattern still says which notes sound; the network has learned to read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POSITIONS = 6
KERNEL = (5, 3)  # bins, frames


@dataclass(frozen=True)
class PartialsConfig:
    """`partials` of `music_vocoder/config.json`: how many bins from 0 Hz on, and the layers' widths and reaches."""

    bins: int
    channels: int
    dilations: tuple[int, ...]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> PartialsConfig:
        """Read a parsed JSON object."""
        return cls(int(raw["bins"]), int(raw["channels"]), tuple(int(d) for d in raw["dilations"]))


class Partials(nn.Module):
    """Convolutions over bins and frames; each bin knows its own place, since notes are at fixed frequencies."""

    def __init__(self, config: PartialsConfig) -> None:
        super().__init__()
        self.config = config
        self.places = nn.Parameter(0.1 * torch.randn(POSITIONS, config.bins, 1))
        self.enter = nn.Conv2d(2 + POSITIONS, config.channels, KERNEL, padding=(2, 1))
        self.layers = nn.ModuleList(
            nn.Conv2d(config.channels, config.channels, KERNEL, padding=(2, reach), dilation=(1, reach))
            for reach in config.dilations
        )
        self.leave = nn.Conv2d(config.channels, 3, 1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)
        nn.init.ones_(self.leave.bias[1:2])

    @property
    def receptive_frames(self) -> int:
        """Frames on each side that an output depends on."""
        return 1 + sum(self.config.dilations)

    def forward(self, log_magnitudes: Tensor, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Both (B, bins, F) in nats, the second interpolated to bins -> corrected log magnitudes (B, bins, F), and
        where the partial lies that a bin turns with, in bins from the bin's own, -2 to 2 (B, bins, F)."""
        dtype = self.enter.weight.dtype
        given = torch.stack([log_magnitudes, log_mel], dim=1).to(dtype)
        places = self.places[None].expand(given.shape[0], -1, -1, given.shape[-1])
        x = F.silu(self.enter(torch.cat([0.25 * given + 1.0, places], dim=1)))
        for layer in self.layers:
            x = x + F.silu(layer(x))
        change, even, odd = self.leave(x).float().unbind(1)
        return log_magnitudes + change, torch.atan2(odd, even) * (2.0 / torch.pi)
