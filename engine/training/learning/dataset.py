"""Synthesised clips as files: shards of log-mels (for the autoencoder) and of latents (for the transformer).

A shard is two files, `NNNNN.npy` and `NNNNN.json`, the JSON written last, so that a reader never sees half a shard
and an interrupted run goes on at the first missing one. Seeds below HELD_OUT_SEEDS are for evaluation only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.constants import LATENT_STRIDE, SAMPLES_PER_FRAME
from engine.networks.log_mel import LogMel
from engine.training.music.clips import CLIP_FRAMES, ClipFacts, make_clip

CLIP_SAMPLES = CLIP_FRAMES * SAMPLES_PER_FRAME
SHARD_CLIPS = 32
HELD_OUT_SEEDS = 1_000_000


def mels_of(audio: np.ndarray, log_mel: LogMel) -> Tensor:
    """(2, n) audio to log-mel float16 (2, 128, n / 512)."""
    with torch.no_grad():
        return log_mel(torch.from_numpy(audio)).half()


def silent_mel(log_mel: LogMel) -> Tensor:
    """The log-mel of silence, (128, 1)."""
    with torch.no_grad():
        return log_mel(torch.zeros(1, 8 * log_mel.n_fft))[0, :, :1]


def write_shards(
    folder: Path,
    count: int,
    make_row: Callable[[np.ndarray], np.ndarray],
    on_shard: Callable[[int], None],
    workers: int = 1,
) -> None:
    """Make shards 0 ... count-1 that are not there yet; `make_row` turns audio (2, n) into what is stored.

    With more than one of `workers`, in as many processes, to which `make_row` goes by pickle. `on_shard(done)` hears
    how many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [index for index in range(count) if not (folder / f"{index:05d}.json").exists()]
    on_shard(count - len(missing))
    for done, _ in enumerate(_written(folder, missing, make_row, workers), start=count - len(missing) + 1):
        on_shard(done)


def _written(
    folder: Path, indices: list[int], make_row: Callable[[np.ndarray], np.ndarray], workers: int
) -> Iterator[None]:
    """Yields after each shard."""
    if workers == 1:
        for index in indices:
            _write_shard(folder, index, make_row)
            yield
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for shard in as_completed([pool.submit(_write_shard, folder, index, make_row) for index in indices]):
            shard.result()
            yield


def _write_shard(folder: Path, index: int, make_row: Callable[[np.ndarray], np.ndarray]) -> None:
    rows, facts = [], []
    for seed in range(HELD_OUT_SEEDS + index * SHARD_CLIPS, HELD_OUT_SEEDS + (index + 1) * SHARD_CLIPS):
        audio, clip = make_clip(seed)
        rows.append(make_row(audio))
        facts.append(clip.to_json())
    np.save(folder / f"{index:05d}.npy", np.stack(rows))
    partial = folder / f"{index:05d}.part"
    partial.write_text(json.dumps(facts), encoding="utf-8")
    partial.replace(folder / f"{index:05d}.json")


def shard_names(folder: Path) -> list[Path]:
    """Complete shards, as paths without suffix, in order."""
    return [path.with_suffix("") for path in sorted(folder.glob("*.json"))]


def read_facts(shard: Path) -> list[ClipFacts]:
    """The facts of a shard's clips."""
    return [ClipFacts.from_json(v) for v in json.loads(shard.with_suffix(".json").read_text(encoding="utf-8"))]


def read_rows(shard: Path) -> np.ndarray:
    """A shard's array, mapped from disk: float16, mels (32, 2, 128, 8 F) or latents (32, 8, 16, F)."""
    return np.load(shard.with_suffix(".npy"), mmap_mode="r")


def frames_of_mel(mel_frames: int) -> int:
    """Latent frames of a log-mel."""
    return mel_frames // LATENT_STRIDE
