"""A small network that finds partials in low bins: how strong a bin is, and at which frequency it turns.

Knows no audio. A log-mel has bands 28 Hz apart below 1 kHz, more than a semitone there, and a codec blurs them further.
Over some tenths of a second, and over a note's overtones, the pattern still says which notes sound; the network has
learned to read it. Where two notes are likely it takes the likelier one, not the mean of both, which would be neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POSITIONS = 6
KERNEL = (5, 3)  # bins, frames
CELLS_A_BIN = 16
REACH = 2  # bins on each side in which the partial lies that a bin turns with: a hop's phase says no more
CELLS = 2 * REACH * CELLS_A_BIN
AGREEING_FRAMES = 2  # on each side
PIECE_FRAMES = 256
NEAR = 3  # cells on each side of the likeliest one whose mean is the place


@dataclass(frozen=True)
class PartialsConfig:
    """`partials` of `music_vocoder/config.json`: how many bins from 0 Hz on, and the layers' widths and reaches.

    `mixed` is the width in which a frame's bins see each other: (channels of each bin, of all together).
    """

    bins: int
    channels: int
    dilations: tuple[int, ...]
    mixed: tuple[int, int]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> PartialsConfig:
        """Read a parsed JSON object."""
        each, together = (int(width) for width in raw["mixed"])
        dilations = tuple(int(d) for d in raw["dilations"])
        return cls(int(raw["bins"]), int(raw["channels"]), dilations, (each, together))


class Overtones(nn.Module):
    """All bins of a frame see each other: a note's overtones tell its pitch better than its own bins do."""

    def __init__(self, config: PartialsConfig) -> None:
        super().__init__()
        each, together = config.mixed
        self.reduce = nn.Conv2d(config.channels, each, 1)
        self.gather = nn.Conv1d(each * config.bins, together, 1)
        self.spread = nn.Conv1d(together, each * config.bins, 1)
        self.expand = nn.Conv2d(each, config.channels, 1)
        nn.init.zeros_(self.expand.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, bins, F), the same shape out."""
        reduced = self.reduce(x)
        mixed = self.spread(F.silu(self.gather(reduced.flatten(1, 2))))
        return self.expand(F.silu(reduced + mixed.view_as(reduced)))


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
        self.overtones = nn.ModuleList(Overtones(config) for _ in config.dilations[1::2])
        self.leave = nn.Conv2d(config.channels, 1 + CELLS, 1)
        nn.init.zeros_(self.leave.weight)

    @property
    def receptive_frames(self) -> int:
        """Frames on each side that an output depends on."""
        return 1 + sum(self.config.dilations) + AGREEING_FRAMES

    def forward(self, log_magnitudes: Tensor, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Both (B, bins, F) in nats, the second interpolated to bins -> corrected log magnitudes (B, bins, F), and
        logits of the cells (B, CELLS, bins, F) from -REACH to REACH bins in which the bin's partial may lie."""
        dtype = self.enter.weight.dtype
        given = torch.stack([log_magnitudes, log_mel], dim=1).to(dtype)
        places = self.places[None].expand(given.shape[0], -1, -1, given.shape[-1])
        x = F.silu(self.enter(torch.cat([0.25 * given + 1.0, places], dim=1)))
        for index, layer in enumerate(self.layers):
            x = x + F.silu(layer(x))
            if index % 2:
                x = x + self.overtones[index // 2](x)
        change, cells = self.leave(x).float().split([1, CELLS], dim=1)
        return log_magnitudes + change[:, 0], cells


def likeliest_places(cells: Tensor, log_magnitudes: Tensor) -> Tensor:
    """Logits (B, CELLS, bins, F) and log magnitudes (B, bins, F) -> where the partial lies that a bin turns with, in
    bins from the bin's own, -REACH to REACH (B, bins, F).

    The mean around the cell that is likeliest to all neighbours, as CREPE has it (Kim et al., 2018); cells are a
    circle, as phases are. Piece by piece, since logits are large.
    """
    frames, pieces = cells.shape[-1], []
    for start in range(0, frames, PIECE_FRAMES):
        first = max(0, start - AGREEING_FRAMES)
        seen = slice(first, start + PIECE_FRAMES + AGREEING_FRAMES)
        places = _likeliest(_agreed(cells[..., seen], log_magnitudes[..., seen]))
        pieces.append(places[..., start - first :][..., :PIECE_FRAMES])
    return torch.cat(pieces, dim=-1)


def _agreed(cells: Tensor, log_magnitudes: Tensor) -> Tensor:
    """The mean of the logits over neighbouring frames, and over neighbouring bins by their magnitudes: a partial is one
    to all the bins that it fills, and lasts. Where each bin chose alone, the tone came out between their choices."""
    reach = AGREEING_FRAMES
    cells = F.avg_pool2d(cells, (1, 2 * reach + 1), 1, (0, reach), count_include_pad=False)
    weights = torch.exp(log_magnitudes)[:, None]
    weighted = cells * weights
    total, weight = weighted.clone(), weights.clone()
    total[:, :, :-1] += weighted[:, :, 1:].roll(CELLS_A_BIN, dims=1)
    total[:, :, 1:] += weighted[:, :, :-1].roll(-CELLS_A_BIN, dims=1)
    weight[:, :, :-1] += weights[:, :, 1:]
    weight[:, :, 1:] += weights[:, :, :-1]
    return total / weight


def _likeliest(cells: Tensor) -> Tensor:
    best = cells.argmax(dim=1, keepdim=True)
    near = torch.arange(-NEAR, NEAR + 1, device=cells.device)[None, :, None, None]
    shares = torch.softmax(torch.gather(cells, 1, (best + near) % CELLS), dim=1)
    place = (best[:, 0] + (shares * near).sum(dim=1) + 0.5) / CELLS_A_BIN
    return place % (2 * REACH) - REACH


def cell_shares(places: Tensor, spread: float) -> Tensor:
    """Places in bins from the bin's own (B, bins, F) -> shares of the cells (B, CELLS, bins, F) to learn from:
    a bell over the circle, `spread` cells wide."""
    centres = (torch.arange(CELLS, device=places.device) + 0.5) / CELLS_A_BIN - REACH
    angle = (places[:, None] - centres[:, None, None]) * (math.pi / REACH)
    width = spread * math.pi / (REACH * CELLS_A_BIN)
    return torch.softmax((torch.cos(angle) - 1.0) / width**2, dim=1)
