"""Latents of what the model made before, found again in a source by its samples, so that context is not coded twice.

A clip's latents are kept with a few samples of each of its frames. Where a later source has the same samples at the
same positions, the frames' own latents stand in for those that its audio would give, once the window begins on the
clip's grid of frames:

    clip      |-----|-----|-----|-----|           its frames, where it was made
    window  |-----|-----|-----|-----|-----|       as it was planned
            <-|-----|-----|-----|-----|-----|     moved by less than a frame

A frame counts only where every probe is the same to 16 bits and its power is, too: what was edited since is encoded.
Files are .npz, written whole or not at all; the oldest go. Knows no network and no task.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.atomic import WriteError, replacing
from engine.audio.window import Window, finish
from engine.geometry import Geometry
from engine.rendering.source import Source

KEPT = 64
MOST_GAIN_DB = 1.0  # a clip turned by more does not sound as its latents say; less is under what coding it again costs
_PROBES = 16  # of each frame and channel
_SAME = 1e-4  # 16 bits, with dither
_SAME_POWER = 2e-3
_LEAST_PEAK = 1e-3  # what is quieter is the same everywhere


@dataclass(frozen=True, eq=False)
class OwnClip:
    """`latents` (C, H, F) of frames that begin at `start` of a source of this rate; `probes` (F, channels, 16) of its
    samples and the mean `power` (F,) of each frame. `encoder` names the weights."""

    encoder: str
    sample_rate: int
    start: int
    latents: NDArray[np.float32]
    probes: NDArray[np.float32]
    power: NDArray[np.float64]

    @property
    def name(self) -> str:
        """By content."""
        digest = hashlib.sha256(f"{self.encoder} {self.sample_rate} {self.start} ".encode())
        for part in (self.latents, self.probes):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Reused:
    """Latents (C, H, n) that stand in for the window's frames `frames`, (n,)."""

    frames: NDArray[np.int64]
    latents: Tensor

    def put_into(self, known: Tensor) -> Tensor:
        """`known` (1, C, H, T) with them in place."""
        out = known.clone()
        out[0][..., torch.from_numpy(self.frames)] = self.latents.to(out)
        return out


class OwnClips:
    """The last clips of a model: in memory, and in a folder where one is given, which several may share."""

    def __init__(self, encoder: str, folder: Path | None = None) -> None:
        self._encoder = encoder
        self._folder = folder
        self._known: OrderedDict[str, OwnClip] = OrderedDict()

    def keep(
        self, audio: NDArray[Any], position: int, rate: int, latents: Tensor, start: int, geometry: Geometry
    ) -> None:
        """What a result has of its model: `audio` (channels, n) from `position` of the source on is as it was made, and
        `latents` (C, H, T) are its window's, whose first frame begins at `start`."""
        edges = np.array([start + geometry.position_of_frame(f, rate) for f in range(latents.shape[-1] + 1)])
        inside = np.flatnonzero((edges[:-1] >= position) & (edges[1:] <= position + audio.shape[1]))
        if inside.size == 0:
            return
        first, last = int(inside[0]), int(inside[-1]) + 1
        probes, power = _signature(audio, edges[first : last + 1] - position)
        kept = latents[..., first:last].float().cpu().numpy().copy()
        self._put(OwnClip(self._encoder, rate, int(edges[first]), kept, probes.astype(np.float32), power))

    def fitted(self, source: Source, window: Window, geometry: Geometry) -> tuple[Window, Reused | None]:
        """The window on the grid of the clips that the source still has there, and their latents; as it was if none."""
        if window.parity or window.frames_before or window.frames_after:
            return window, None
        frame = geometry.samples_per_frame * window.sample_rate / geometry.sample_rate
        low = max(0, window.known_start - int(np.ceil(frame)))
        samples = source.read(low, window.known_end)
        found: dict[int, NDArray[np.float32]] = {}
        for clip in reversed(self._clips()):
            if clip.sample_rate != window.sample_rate or clip.probes.shape[1] != samples.shape[0]:
                continue
            positions, latents = _same(clip, samples, low, geometry)
            if not found and positions:
                moved = _on_grid(window, positions[0], frame, geometry)
                if moved is None:
                    continue
                window = moved
            found = {**_frames(window, positions, latents, frame), **found}
        if not found:
            return window, None
        frames = np.array(sorted(found))
        return window, Reused(frames, torch.from_numpy(np.stack([found[f] for f in frames], axis=-1)))

    def clear(self) -> None:
        """Forget what is in memory."""
        self._known.clear()

    def _clips(self) -> list[OwnClip]:
        """Those known, the oldest first; of a folder, what others put there, too."""
        if self._folder is not None:
            for path in sorted(self._folder.glob("*.npz"), key=_age):
                if path.stem not in self._known and (clip := _read(path)) is not None:
                    self._known[path.stem] = clip
        self._forget_oldest()
        return [clip for clip in self._known.values() if clip.encoder == self._encoder]

    def _forget_oldest(self) -> None:
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    def _put(self, clip: OwnClip) -> None:
        name = clip.name
        self._known[name] = clip
        self._known.move_to_end(name)
        self._forget_oldest()
        if self._folder is None:
            return
        with contextlib.suppress(OSError, WriteError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replacing(self._folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
                np.savez(file, **_arrays(clip))
            for old in sorted(self._folder.glob("*.npz"), key=_age)[:-KEPT]:
                old.unlink(missing_ok=True)


def _signature(samples: NDArray[Any], edges: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probes (F, channels, 16) and mean power (F,) of the frames between edges of (channels, n)."""
    shares = (np.arange(_PROBES) + 0.5) / _PROBES
    at = edges[:-1, None] + (np.diff(edges)[:, None] * shares[None]).astype(np.int64)  # (F, 16)
    sums = np.concatenate([[0.0], np.cumsum(np.mean(samples.astype(np.float64) ** 2, axis=0))])
    return np.moveaxis(samples[:, at], 0, 1).astype(np.float64), np.diff(sums[edges]) / np.diff(edges)


def _same(
    clip: OwnClip, samples: NDArray[Any], low: int, geometry: Geometry
) -> tuple[list[int], list[NDArray[np.float32]]]:
    """Positions and latents of the clip's frames that `samples`, from `low` of the source on, still have."""
    count = clip.latents.shape[-1]
    edges = clip.start + np.array([geometry.position_of_frame(f, clip.sample_rate) for f in range(count + 1)]) - low
    inside = np.flatnonzero((edges[:-1] >= 0) & (edges[1:] <= samples.shape[1]))
    if inside.size == 0:
        return [], []
    first, last = int(inside[0]), int(inside[-1]) + 1
    probes, power = _signature(samples, edges[first : last + 1])
    known, known_power = clip.probes[first:last], clip.power[first:last]
    alike = (np.abs(probes - known) < _SAME).all(axis=(1, 2)) & (np.abs(known).max(axis=(1, 2)) > _LEAST_PEAK)
    alike &= np.abs(power - known_power) < _SAME_POWER * known_power
    frames = np.flatnonzero(alike) + first
    return [int(edges[f] + low) for f in frames], [clip.latents[..., f] for f in frames]


def _on_grid(window: Window, position: int, frame: float, geometry: Geometry) -> Window | None:
    """The window moved by less than a frame, so that one of its frames begins at `position`; None where it cannot."""
    ahead = (window.start - position) % frame
    start = window.start - round(ahead if frame - ahead > 1 else 0)
    if start < 0:
        start = window.start + round(frame - ahead)
    rate = window.sample_rate
    frames = geometry.frames_covering(window.end - start, rate)
    if start > window.regions[0].fade_start or frames > geometry.max_frames:
        return None
    end = min(window.source_samples, start + geometry.samples_within(frames, rate))
    moved = replace(window, start=start, end=end, known_start=start, known_end=end)
    return finish(replace(moved, frames=frames, frames_known=frames), geometry)


def _frames(
    window: Window, positions: list[int], latents: list[NDArray[np.float32]], frame: float
) -> dict[int, NDArray[np.float32]]:
    """The latents by the window's frames, of those that begin with one of them to a sample."""
    found = {}
    for position, one in zip(positions, latents, strict=True):
        number = round((position - window.start) / frame)
        if 0 <= number < window.frames_known and abs(position - window.start - number * frame) <= 1.5:
            found[number] = one
    return found


def _arrays(clip: OwnClip) -> dict[str, Any]:
    told = {"encoder": clip.encoder, "sample_rate": clip.sample_rate, "start": clip.start}
    return {**told, "latents": clip.latents, "probes": clip.probes, "power": clip.power}


def _read(path: Path) -> OwnClip | None:
    damaged = (OSError, ValueError, EOFError, KeyError, BadZipFile)
    with contextlib.suppress(*damaged), np.load(path, allow_pickle=False) as kept:
        numbers = str(kept["encoder"]), int(kept["sample_rate"]), int(kept["start"])
        return OwnClip(*numbers, kept["latents"], kept["probes"], kept["power"])
    return None


def _age(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
