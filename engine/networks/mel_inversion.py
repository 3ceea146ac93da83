"""Magnitudes of a spectrum from its mel bands, by non-negative least squares; gains by bands. Knows no network.

Multiplicative updates (Lee and Seung, 2001), over-relaxed: one with its ratio squared goes as far as two plain ones, as
measured; the last is a plain one, since the others swing around the solution. A bin belongs to two bands at most, so
products with the filterbank are made in blocks, an eighth of the whole product, on so many frames as a cache holds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCKS = 8
PIECE_FRAMES = 256
LEAST = 1e-9
LEAST_BAND = 1e-6
MOST_GAIN = 2.0


class _Banded(nn.Module):
    """A matrix (rows, columns) with few columns in each row: what lies in its blocks of rows, transposed."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        size = -(-matrix.shape[0] // BLOCKS)
        self.rows = matrix.shape[0]
        self.spans: list[tuple[slice, slice]] = []
        for start in range(0, self.rows, size):
            block = matrix[start : start + size]
            used = block.any(dim=0).nonzero()[:, 0].tolist() or [0]
            columns = slice(used[0], used[-1] + 1)
            self.register_buffer(f"block_{len(self.spans)}", block[:, columns].T.contiguous(), persistent=False)
            self.spans.append((slice(start, start + block.shape[0]), columns))

    def forward(self, x: Tensor, out: Tensor) -> Tensor:
        """x (N, columns) -> `out` (N, rows), the product with the transposed matrix."""
        for index, (rows, columns) in enumerate(self.spans):
            torch.mm(x[:, columns], self.get_buffer(f"block_{index}"), out=out[:, rows])
        return out


class MelInversion(nn.Module):
    """Bands to bins for one filterbank (bins, bands); `steps` counts plain updates."""

    def __init__(self, bank: Tensor, steps: int) -> None:
        super().__init__()
        self.to_bins, self.to_bands = _Banded(bank), _Banded(bank.T)
        self.spread = _Banded(bank / bank.sum(dim=1, keepdim=True).clamp(min=LEAST))
        self.register_buffer("power", bank.square().sum(dim=0), persistent=False)
        relaxed = max(0, (steps - 2) // 2)
        self.exponents = (2,) * relaxed + (1,) * (steps - 2 * relaxed)

    @torch.no_grad()
    def forward(self, bands: Tensor) -> Tensor:
        """Magnitudes of bands (N, bands) -> of bins (N, bins); where bands are silent, exact zeros."""
        made = bands.new_empty(bands.shape[0], self.to_bins.rows)
        for start in range(0, bands.shape[0], PIECE_FRAMES):
            self._piece(bands[start : start + PIECE_FRAMES], made[start : start + PIECE_FRAMES])
        return made

    def gains(self, wanted: Tensor, made: Tensor) -> Tensor:
        """Magnitudes (B, F, bins) both -> factors by which `made` comes half of the way in dB to the bands' levels."""
        ratio = (self._bands(wanted) / self._bands(made).clamp_(min=LEAST_BAND)).clamp_(1 / MOST_GAIN, MOST_GAIN)
        return self.spread(ratio.sqrt_(), made.new_empty(ratio.shape[0], made.shape[-1])).view_as(made)

    def _bands(self, magnitudes: Tensor) -> Tensor:
        frames = magnitudes.flatten(0, 1)
        return self.to_bands(frames, frames.new_empty(frames.shape[0], self.to_bands.rows))

    def _piece(self, bands: Tensor, made: Tensor) -> None:
        """Begins with an interpolation between the bands."""
        target = self.to_bins(bands, torch.empty_like(made))
        self.to_bins(bands / self.get_buffer("power"), made)
        heard, found = torch.empty_like(bands), torch.empty_like(made)
        for exponent in self.exponents:
            ratio = self.to_bins(self.to_bands(made, heard), found).clamp_(min=LEAST)
            torch.div(target, ratio, out=ratio)
            made.mul_(ratio if exponent == 1 else ratio.square_())
