"""A small network that finds partials in low bins: how strong a bin is, and at which frequency it turns.

Knows no audio. A log-mel has bands 28 Hz apart below 1 kHz, more than a semitone there, and a codec blurs them further.
Over some tenths of a second, and over a note's overtones, the pattern still says which notes sound; the network has
learned to read it. Where two notes are likely it takes the likelier one, not the mean of both, which would be neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.products import linear

POSITIONS = 6
KERNEL = (5, 3)  # bins, frames
CELLS_A_BIN = 16
REACH = 2  # bins on each side in which the partial lies that a bin turns with: a hop's phase says no more
CELLS = 2 * REACH * CELLS_A_BIN
AGREEING_FRAMES = 2  # on each side
PIECE_FRAMES = 64  # of all rows together: logits of so many stay in a processor's cache
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
        """(B, F, bins, channels), the same shape out."""
        reduced = pointwise(x, self.reduce).transpose(2, 3)  # (B, F, each, bins)
        mixed = pointwise(F.silu(pointwise(reduced.flatten(2), self.gather)), self.spread)
        return pointwise(F.silu(reduced + mixed.view_as(reduced)).transpose(2, 3), self.expand)


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

    def forward(self, log_magnitudes: Tensor, log_mel: Tensor, every: int = 1) -> tuple[Tensor, Tensor]:
        """Both (B, bins, F) in nats, the second interpolated to bins -> corrected log magnitudes (B, bins, F), and
        logits of the cells from -REACH to REACH bins in which the bin's partial may lie, (B, CELLS, bins, frames).

        Of every `every`-th frame only, from the first on: there the same as if all were made, half the work for 2. A
        frame between takes the smaller one of both corrections of a magnitude: interpolated, they smear attacks. Layers
        are made on as few frames as later ones ask for.
        """
        dtype = self.enter.weight.dtype
        given = torch.stack([log_magnitudes, log_mel], dim=-1).to(dtype).transpose(1, 2)  # (B, F, bins, 2)
        places = self.places.permute(2, 1, 0).expand(*given.shape[:2], -1, -1)
        x = F.silu(convolve(torch.cat([0.25 * given + 1.0, places], dim=-1), self.enter))
        apart = [math.gcd(every, *self.config.dilations[index:]) for index in range(len(self.layers))] + [every]
        for index, layer in enumerate(self.layers):
            found = F.silu(convolve(x, cast(nn.Conv2d, layer), apart[index], apart[index + 1]))
            x = x[:, :: apart[index + 1] // apart[index]] + found
            if index % 2:
                x = x + self.overtones[index // 2](x)
        change, cells = pointwise(x, self.leave).float().split([1, CELLS], dim=-1)
        change = smaller_between(change[..., 0], every, log_magnitudes.shape[-1])
        return log_magnitudes + change.transpose(1, 2), cells.permute(0, 3, 2, 1)


def convolve(x: Tensor, conv: nn.Conv2d, apart: int = 1, apart_after: int = 1) -> Tensor:
    """A convolution over bins and frames of x (B, F, bins, channels), twice as fast as with channels first.

    The frames of x are `apart` frames from each other, those that come out `apart_after`.
    """
    (bins, frames), (_, reach) = cast(tuple[int, int], conv.padding), cast(tuple[int, int], conv.dilation)
    weight, stride = conv.weight.transpose(2, 3), (apart_after // apart, 1)
    padding, dilation = (frames // apart, bins), (reach // apart, 1)
    return F.conv2d(x.permute(0, 3, 1, 2), weight, conv.bias, stride, padding, dilation).permute(0, 2, 3, 1)


def between(x: Tensor, every: int, frames: int) -> Tensor:
    """Every `every`-th frame (B, n, ...) to all `frames`, interpolated; after the last of them it stays."""
    if every == 1:
        return x
    after = _next(x)
    steps = [x if step == 0 else torch.lerp(x, after, step / every) for step in range(every)]
    return torch.stack(steps, dim=2).flatten(1, 2)[:, :frames]


def smaller_between(x: Tensor, every: int, frames: int) -> Tensor:
    """As `between`, but frames between two take the value that is nearer to 0."""
    after = _next(x)
    nearer = torch.where(x.abs() < after.abs(), x, after)
    return torch.stack([x] + [nearer] * (every - 1), dim=2).flatten(1, 2)[:, :frames]


def _next(x: Tensor) -> Tensor:
    return torch.cat([x[:, 1:], x[:, -1:]], dim=1)


def pointwise(x: Tensor, conv: nn.Conv1d | nn.Conv2d) -> Tensor:
    """A convolution of one bin and frame over the last dimension of x, as a matrix product."""
    return linear(x, conv.weight.flatten(1), conv.bias)


def likeliest_places(cells: Tensor, log_magnitudes: Tensor, every: int = 1) -> Tensor:
    """Logits (B, CELLS, bins, frames) of every `every`-th frame and log magnitudes (B, bins, F) -> where the partial
    lies that a bin turns with, in bins from the bin's own, -REACH to REACH (B, bins, F).

    The mean around the cell that is likeliest to all neighbours, as CREPE has it (Kim et al., 2018); cells are a
    circle, as phases are. Piece by piece, since logits are large.
    """
    logits, weights = cells.permute(0, 3, 2, 1), torch.exp(log_magnitudes).transpose(1, 2).contiguous()
    frames, pieces = weights.shape[1], []
    size = max(1, PIECE_FRAMES // weights.shape[0])
    for start in range(0, frames, size):
        stop = min(start + size, frames)
        first = max(0, start - AGREEING_FRAMES) // every
        seen = between(logits[:, first : -(-(stop + AGREEING_FRAMES) // every) + 1], every, frames - first * every)
        mean = _mean_of_frames(seen, range(start - first * every, stop - first * every))
        pieces.append(_likeliest(*_agreed(mean, weights[:, start:stop])))
    return torch.cat(pieces, dim=1).transpose(1, 2)


def _mean_of_frames(logits: Tensor, kept: range) -> Tensor:
    """Of each frame in `kept` the mean over it and up to AGREEING_FRAMES on each side, (B, kept, bins, CELLS)."""
    frames, total = logits.shape[1], logits[:, kept.start : kept.stop].clone()
    counts = logits.new_ones(len(kept))
    for step in (step for step in range(-AGREEING_FRAMES, AGREEING_FRAMES + 1) if step):
        first, last = max(kept.start, -step), min(kept.stop, frames - step)
        if first < last:
            there = slice(first - kept.start, last - kept.start)
            total[:, there] += logits[:, first + step : last + step]
            counts[there] += 1
    return total.mul_(counts.reciprocal()[:, None, None])


def _agreed(cells: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, F, bins, CELLS) added up over neighbouring bins by their magnitudes (B, F, bins), and those added up:
    a partial is one to all the bins that it fills, and lasts. Where each bin chose alone, the tone came out between
    their choices."""
    weighted = cells * weights[..., None]
    total, weight = weighted.clone(), weights.clone()
    for there, other, turn in ((slice(None, -1), slice(1, None), 1), (slice(1, None), slice(None, -1), -1)):
        cut = turn * CELLS_A_BIN % CELLS
        total[:, :, there, cut:] += weighted[:, :, other, : CELLS - cut]
        total[:, :, there, :cut] += weighted[:, :, other, CELLS - cut :]
        weight[:, :, there] += weights[:, :, other]
    return total, weight


def _likeliest(cells: Tensor, weight: Tensor) -> Tensor:
    best = cells.argmax(dim=-1, keepdim=True)
    near = torch.arange(-NEAR, NEAR + 1, device=cells.device)
    shares = torch.softmax(torch.gather(cells, -1, (best + near) % CELLS) / weight[..., None], dim=-1)
    place = (best[..., 0] + (shares * near).sum(dim=-1) + 0.5) / CELLS_A_BIN
    return place % (2 * REACH) - REACH


def cell_shares(places: Tensor, spread: float) -> Tensor:
    """Places in bins from the bin's own (B, bins, F) -> shares of the cells (B, CELLS, bins, F) to learn from:
    a bell over the circle, `spread` cells wide."""
    centres = (torch.arange(CELLS, device=places.device) + 0.5) / CELLS_A_BIN - REACH
    angle = (places[:, None] - centres[:, None, None]) * (math.pi / REACH)
    width = spread * math.pi / (REACH * CELLS_A_BIN)
    return torch.softmax((torch.cos(angle) - 1.0) / width**2, dim=1)
