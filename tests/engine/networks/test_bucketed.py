"""Padded lengths against the plain evaluation, on the tiny checkpoint; the latents' cache; time tables."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.checkpoints.load import load_networks
from engine.networks.bucketed import BucketedEvaluate, bucket_of, context_bucket_of
from engine.networks.config import ErgLayers
from engine.networks.padded import PaddedTransformer
from engine.networks.transformer import Context, PreparedContext, Transformer
from engine.rendering.latent_cache import LatentCache
from tests.support.networks_material import golden, relative_error, replayed, tiny_networks
from tests.support.paths import GOLDEN

ROUNDING = 2e-6


def context_of(transformer: Transformer, rows: int, length: int, hidden: int = 0) -> PreparedContext:
    """A context of so many positions; the last `hidden` are masked in the second row."""
    states = torch.randn(rows, length, transformer.config.inner_dim, generator=torch.Generator().manual_seed(length))
    mask = torch.ones(rows, length)
    if hidden:
        mask[1, length - hidden :] = 0
    return transformer.prepare(Context(states, mask))


def latents_of(rows: int, frames: int) -> Tensor:
    return torch.randn(rows, 8, 16, frames, generator=torch.Generator().manual_seed(frames))


def test_buckets_waste_at_most_an_eighth_and_never_cut() -> None:
    for frames in range(1, 2584):
        bucket = bucket_of(frames)
        assert bucket >= frames and (bucket - frames < 16 or bucket <= frames * 1.125)
    assert len({bucket_of(n) for n in range(1, 2584)}) < 60
    assert [context_bucket_of(n) for n in (1, 64, 65, 1000)] == [64, 64, 128, 1024]


@pytest.mark.parametrize(
    ("rows", "frames", "length", "hidden"), [(1, 1, 3, 0), (2, 33, 40, 7), (2, 48, 64, 0), (3, 67, 90, 90 - 5)]
)
@torch.inference_mode()
def test_padding_changes_nothing_but_rounding(rows: int, frames: int, length: int, hidden: int) -> None:
    """Group norm, linear attention and depthwise convolution would all see padding if it were not marked."""
    transformer = tiny_networks().transformer
    context = context_of(transformer, rows, length, hidden)
    scale = torch.tensor([1.0, 0.01, 1.0][:rows]) if rows > 1 else None
    latents, time = latents_of(rows, frames), transformer.time_steps(torch.tensor([700.0]))
    wanted = transformer.evaluate(latents, time, context, scale)
    got = BucketedEvaluate(PaddedTransformer(transformer), graphs=False)(latents, time, context, scale)
    assert relative_error(got, wanted) < ROUNDING


@torch.inference_mode()
def test_one_graph_serves_songs_of_several_lengths_and_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replayed as a CUDA graph is, operation by operation on the tensors that it was made with: what an earlier, longer
    song left in the inputs must not reach a later one."""
    monkeypatch.setattr("torch.cuda.graph_pool_handle", lambda: "pool")
    monkeypatch.setattr("engine.networks.bucketed.captured", lambda run, _pool: replayed(run))
    transformer = three_blocks()
    bucketed = BucketedEvaluate(PaddedTransformer(transformer), graphs=True)
    for frames, length, timestep in ((48, 60, 900.0), (34, 5, 20.0), (41, 33, 500.0), (48, 60, 1.0)):
        context, latents = context_of(transformer, 2, length), latents_of(2, frames)
        time = transformer.time_steps(torch.tensor([timestep]))
        wanted = transformer.evaluate(latents, time, context)
        assert relative_error(bucketed(latents, time, context), wanted) < ROUNDING
    assert len(bucketed._prepared) == 1
    bucketed.reset()
    assert not bucketed._prepared


def three_blocks() -> Transformer:
    """The tiny transformer cut to three blocks, of which entropy-rectifying guidance weakens one; own weights."""
    transformer = load_networks(GOLDEN / "tiny_checkpoint").transformer
    transformer.transformer_blocks = transformer.transformer_blocks[:3]
    transformer.config = replace(transformer.config, num_layers=3, erg=ErgLayers(transformer=(1,)))
    return transformer


@torch.inference_mode()
def test_blocks_compile_once_for_every_length() -> None:
    """Traced by dynamo and run as traced: what inductor would be given."""
    torch._dynamo.reset()
    traced: list[int] = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> object:
        traced.append(1)
        return graph.forward

    plain = three_blocks()
    bucketed = BucketedEvaluate(PaddedTransformer(three_blocks()), graphs=False, backend=backend)  # type: ignore[arg-type]
    for rows, frames, length in ((2, 33, 20), (2, 70, 20), (3, 120, 100)):
        context, latents = context_of(plain, rows, length), latents_of(rows, frames)
        time = plain.time_steps(torch.tensor([700.0]))
        scale = torch.ones(rows)
        wanted = plain.evaluate(latents, time, context, scale)
        assert relative_error(bucketed(latents, time, context, scale), wanted) < ROUNDING
    assert 1 <= len(traced) <= 4, "with and without a query scale; not once a length"
    torch._dynamo.reset()


@torch.inference_mode()
def test_time_tables_equal_single_timesteps() -> None:
    transformer = tiny_networks().transformer
    timesteps = torch.tensor([1000.0, 431.5, 8.9286])
    table = transformer.time_steps(timesteps)
    for index in range(3):
        alone = transformer.time_steps(timesteps[index, None])
        torch.testing.assert_close(table[index].modulation, alone.modulation)
        torch.testing.assert_close(table[index].embedding, alone.embedding)


def test_group_norm_of_the_golden_run_is_that_of_all_frames_where_nothing_is_padded() -> None:
    transformer, g = tiny_networks().transformer, golden("transformer")
    real = torch.ones(1, g["x"].shape[-1], 1)
    assert relative_error(transformer.proj_in(g["x"], real), transformer.proj_in(g["x"])) < ROUNDING


class TestLatentCache:
    def test_a_folder_outlives_the_process_and_stays_small(self, tmp_path: Path) -> None:
        latents = torch.randn(1, 8, 16, 10)
        size = len(latents.numpy().tobytes()) + 128
        for number in range(5):
            LatentCache(tmp_path, folder_bytes=3 * size).put(f"{number}", latents + number)
        later = LatentCache(tmp_path)
        assert [later.get(f"{number}") is not None for number in range(5)] == [False, False, True, True, True]
        found = later.get("4")
        assert found is not None and torch.equal(found, latents + 4)

    def test_a_damaged_file_is_as_good_as_none(self, tmp_path: Path) -> None:
        LatentCache(tmp_path).put("a", torch.ones(1, 8, 16, 4))
        path = tmp_path / "a.npy"
        path.write_bytes(path.read_bytes()[:-100])
        assert LatentCache(tmp_path).get("a") is None
        path.write_bytes(b"")
        assert LatentCache(tmp_path).get("a") is None

    def test_a_folder_that_cannot_be_written_costs_nothing(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("not a folder")
        cache = LatentCache(blocked / "latents")
        cache.put("a", torch.ones(1))
        assert cache.get("a") is not None

    def test_memory_is_bounded(self) -> None:
        cache = LatentCache()
        for number in range(40):
            cache.put(str(number), torch.full((1,), math.pi))
        assert cache.get("0") is None and cache.get("39") is not None
