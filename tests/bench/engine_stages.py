"""Where an engine's time goes: encoding, one evaluation, decoding, beside their floors; what a step depends on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.checkpoints.load import load_networks
from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.networks.transformer import Context, PreparedContext
from tests.bench.checkpoints import MIDDLE, write_checkpoint
from tests.bench.figures import Figure, Result, Series, median_of, threads_in_words
from tests.bench.floors import floor_of
from tests.bench.machine import ceilings

SECONDS = 20.0
TOKENS = 40
ROUNDS = 5


@cache
def middle() -> Networks:
    """The middle-sized random checkpoint, loaded once."""
    with tempfile.TemporaryDirectory() as name:
        return load_networks(write_checkpoint(Path(name) / "middle", MIDDLE))


def context_of(networks: Networks, rows: int, tokens: int) -> PreparedContext:
    """A context of random states, without masks."""
    states = torch.randn(rows, tokens, networks.config.inner_dim)
    return networks.transformer.prepare(Context(states, torch.ones(rows, tokens)))


@torch.inference_mode()
def evaluation(networks: Networks, rows: int, seconds: float, tokens: int) -> Callable[[], Tensor]:
    """One evaluation of so many rows."""
    transformer = networks.transformer
    latents, context = torch.randn(rows, 8, 16, V1_GEOMETRY.frames_of(seconds)), context_of(networks, rows, tokens)
    time = transformer.time_steps(torch.tensor([500.0]))
    return torch.inference_mode()(lambda: transformer.evaluate(latents, time, context))


def stages(threads: int) -> list[Result]:
    """Encode, one guided evaluation and decode of 20 s, with floors."""
    torch.set_num_threads(threads)
    networks, figures = middle(), []
    limits = ceilings("cpu", torch.float32)
    autoencoder: Any = networks.autoencoder
    audio, latents = (
        torch.randn(1, 2, int(SECONDS * 44100)) * 0.1,
        torch.randn(1, 8, 16, V1_GEOMETRY.frames_of(SECONDS)),
    )
    parts: dict[str, tuple[Callable[[], object], tuple[Any, ...]]] = {
        "encode": (lambda: autoencoder.encode(audio), (autoencoder.dcae.encoder,)),
        "evaluation": (evaluation(networks, 2, SECONDS, TOKENS), (networks.transformer.transformer_blocks,)),
        "decode": (lambda: autoencoder.decode(latents, 64), (autoencoder.dcae.decoder, autoencoder.vocoder)),
    }
    for name, (work, weights) in parts.items():
        free = torch.inference_mode()(work)
        floor, seconds = floor_of(free, *weights), median_of(free, ROUNDS, threads == 1)
        how = f"{MIDDLE.name}, {SECONDS:g} s, {threads_in_words(threads)}, {floor.operations / 1e9:.0f} GFLOP"
        figures.append(Figure(f"{name}_seconds", name, seconds, "s", "", how, floor.seconds(limits)))
    return [*figures]


def tokens(threads: int) -> list[Result]:
    """One guided evaluation against the number of lyric tokens: their keys and values are made once a job."""
    torch.set_num_threads(threads)
    counts = (0, 125, 250, 500, 1000, 2000)
    times = [median_of(evaluation(middle(), 2, SECONDS, TOKENS + n), ROUNDS, threads == 1) for n in counts]
    how = f"{MIDDLE.name}, {SECONDS:g} s, 2 rows, {threads_in_words(threads)}"
    what = "an evaluation with 500 lyric tokens / with none"
    return [
        Figure("tokens_500_ratio", what, times[3] / times[0], "x", "", how),
        Series("tokens", "One evaluation against lyric tokens", "lyric tokens", "seconds",
               {how: list(zip(map(float, counts), times, strict=True))}),
    ]  # fmt: skip


def batch(threads: int) -> list[Result]:
    """One evaluation against the rows of its batch."""
    torch.set_num_threads(threads)
    rows = (1, 2, 3, 4, 8)
    times = [median_of(evaluation(middle(), n, SECONDS, TOKENS), ROUNDS, threads == 1) for n in rows]
    how = f"{MIDDLE.name}, {SECONDS:g} s, {threads_in_words(threads)}"
    each = [(float(n), t / n) for n, t in zip(rows, times, strict=True)]
    return [
        Figure("batch_8_row_ratio", "a row in a batch of 8 / alone", each[-1][1] / each[0][1], "x", "", how),
        Series("batch", "Time of a row against rows in a batch", "rows", "seconds a row", {how: each}),
    ]


def by_threads(threads: int) -> list[Result]:
    """One guided evaluation against threads."""
    counts = [n for n in (1, 2, 4, 8, 16) if n <= max(threads, 1)]
    times = []
    for count in counts:
        torch.set_num_threads(count)
        times.append(median_of(evaluation(middle(), 2, SECONDS, TOKENS), ROUNDS))
    torch.set_num_threads(threads)
    how = f"{MIDDLE.name}, {SECONDS:g} s, 2 rows"
    return [
        Figure("threads_speedup", f"{counts[-1]} threads / one", times[0] / times[-1], "x", "", how),
        Series("threads", "One evaluation against threads", "threads", "seconds",
               {how: list(zip(map(float, counts), times, strict=True))}),
    ]  # fmt: skip


BENCHES = {"stages": stages, "tokens": tokens, "batch": batch, "threads": by_threads}
