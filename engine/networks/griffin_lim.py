"""Phases for given magnitudes: Griffin-Lim with momentum (Perraudin et al., 2013). Knows no mel and no network.

On a processor an iteration goes through all frames block by block, so that what lies between two Fourier transforms
stays in the cache; each block's sound is laid over what the blocks before it left. Deterministic: nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK_FRAMES = 128  # of all rows together
CORRECTED = (4, 2)  # so many iterations before the end levels are put right, after which phases find together again
TINY = 1e-30  # keeps silence from being divided by zero


def griffin_lim(
    wanted: Tensor,
    phases: Tensor,
    window: Tensor,
    hop_length: int,
    iterations: int,
    momentum: float,
    gains: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Magnitudes and first phases (B, F, bins), bins above those silent -> audio with its edges, float32
    (B, F * hop + n_fft - hop). `window` (n_fft,), a multiple of `hop_length` long.

    Frames that contradict each other come out too quiet or too loud. `gains` of wanted and found magnitudes says how
    much to aim higher: with it half the iterations give the same log-mel error.
    """
    magnitudes, total = wanted.clone(), wanted.shape[1]
    size = max(1, BLOCK_FRAMES // magnitudes.shape[0]) if magnitudes.device.type == "cpu" else total
    blocks = [slice(start, min(start + size, total)) for start in range(0, total, size)]
    overlap = _OverlapAdd(window, hop_length, magnitudes.shape[0], total)
    for block in blocks:
        overlap.add(torch.polar(magnitudes[:, block], phases[:, block]), block)
    previous = magnitudes.new_zeros(magnitudes.shape, dtype=torch.complex64)
    for left in range(iterations, 0, -1):
        frames = overlap.take().unfold(-1, window.shape[0], hop_length)  # (B, F, n_fft)
        for block in blocks:
            rebuilt = torch.fft.rfft(frames[:, block] * window)[..., : magnitudes.shape[-1]]
            if left in CORRECTED:
                magnitudes[:, block] *= gains(wanted[:, block], rebuilt.abs())
            ahead = _ahead(previous[:, block], rebuilt, momentum)
            previous[:, block] = rebuilt
            overlap.add(_with_magnitudes(ahead, magnitudes[:, block]), block)
    return overlap.take()


def _ahead(previous: Tensor, rebuilt: Tensor, momentum: float) -> Tensor:
    """`rebuilt` moved on in the direction in which it came from `previous`."""
    before, now = torch.view_as_real(previous), torch.view_as_real(rebuilt)  # complex lerp is not made in vectors
    return torch.view_as_complex(torch.lerp(before, now, 1.0 + momentum))


def _with_magnitudes(spectrum: Tensor, magnitudes: Tensor) -> Tensor:
    """`spectrum` with its own phases and other magnitudes; 0 stays 0. Several times as fast as torch's sgn."""
    squares = (spectrum * spectrum.conj()).real + TINY
    return spectrum * squares.rsqrt_().mul_(magnitudes)


class _OverlapAdd:
    """Spectra of frames, block after block, to sound: windowed, laid over each other, the windows divided out.

    |<- frames of the block before ->|<- the block's frames ->|<- silence after the last block ->|
    """

    def __init__(self, window: Tensor, hop_length: int, batch: int, frames: int) -> None:
        self.window, self.hop_length, self.frames = window, hop_length, frames
        self.n_fft = window.shape[0]
        self.reach = self.n_fft // hop_length - 1  # frames before it that a hop hears
        self.left = window.new_zeros(batch, self.reach, self.n_fft)
        hops = frames + self.reach
        self.made, self.spare = (window.new_empty(batch, hops, hop_length) for _ in range(2))
        silent = window.new_zeros(1, self.reach, self.n_fft)
        weights = window.square().expand(1, frames, -1)
        self.weights = self._laid(torch.cat([silent, weights, silent], dim=1)).clamp(min=1e-3)  # (1, hops, hop)

    def add(self, spectrum: Tensor, block: slice) -> None:
        """spectrum (B, frames of the block, bins); blocks come in order."""
        last = block.stop == self.frames
        windowed = torch.fft.irfft(spectrum, self.n_fft) * self.window
        frames = torch.cat([self.left, windowed, *([torch.zeros_like(self.left)] if last else [])], dim=1)
        hops = slice(block.start, block.stop + (self.reach if last else 0))
        torch.div(self._laid(frames), self.weights[:, hops], out=self.made[:, hops])
        self.left = torch.zeros_like(self.left) if last else frames[:, -self.reach :]

    def take(self) -> Tensor:
        """The sound of all blocks (B, hops * hop). What is added from now on is another sound."""
        self.made, self.spare = self.spare, self.made
        return self.spare.flatten(1)

    def _laid(self, frames: Tensor) -> Tensor:
        """Hops (B, n - reach, hop) of frames (B, n, n_fft), each the sum of what reaches it."""
        parts = frames.unflatten(-1, (-1, self.hop_length))  # (B, n, n_fft / hop, hop)
        count = frames.shape[1] - self.reach
        total = parts[:, self.reach :, 0] + parts[:, self.reach - 1 : self.reach - 1 + count, 1]
        for part in range(2, self.reach + 1):
            total += parts[:, self.reach - part : self.reach - part + count, part]
        return total
