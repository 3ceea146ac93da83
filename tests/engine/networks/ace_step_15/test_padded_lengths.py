"""Padded lengths of ACE-Step 1.5 against the plain evaluation, on the tiny checkpoints; ROUNDING is float32's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import engine
from engine.checkpoints.ace_step_15.load import load_networks
from engine.networks.ace_step_15.attention import band_of_real
from engine.networks.ace_step_15.padded_lengths import PaddedTransformer, Shape
from engine.networks.ace_step_15.transformer import PreparedContext, Transformer
from engine.networks.bucketed import BucketedEvaluate
from tests.support.checkpoints15 import inpaint, model
from tests.support.golden15_runs import OURS, networks
from tests.support.networks_material import relative_error, replayed

ROUNDING = 2e-6


def context_of(transformer: Transformer, lengths: tuple[int, ...], items: int, frames: int) -> PreparedContext:
    """A context of each length, each seen by `items` rows; a source and a mask with both of its values."""
    generator = torch.Generator().manual_seed(sum(lengths) + frames)
    width, channels = transformer.condition_embedder.in_features, transformer.config.latent_channels
    states = [torch.randn(1, length, width, generator=generator) for length in lengths]
    known = torch.randn(items, 2 * channels, 1, frames, generator=generator)
    known[:, channels:] = (torch.arange(frames) % 3 == 0).float()
    return transformer.prepare(states).rows(range(len(lengths)), items, known)


def latents_of(transformer: Transformer, rows: int, frames: int) -> Tensor:
    generator = torch.Generator().manual_seed(frames)
    return torch.randn(rows, transformer.config.latent_channels, 1, frames, generator=generator)


@pytest.mark.parametrize("checkpoint", ["base", "turbo"])
@pytest.mark.parametrize(
    ("frames", "lengths", "items"),
    [(1, (3,), 1), (15, (70,), 2), (33, (40, 1), 1), (64, (64,), 1), (85, (5, 90, 1), 2), (130, (1,), 1)],
)
@torch.inference_mode()
def test_padding_changes_nothing_but_rounding(
    checkpoint: str, frames: int, lengths: tuple[int, ...], items: int
) -> None:
    """One block of a band and many, odd lengths, lengths that need no padding, contexts of one position."""
    transformer = networks(checkpoint).transformer
    context = context_of(transformer, lengths, items, frames)
    latents, time = latents_of(transformer, items * len(lengths), frames), transformer.time_steps(torch.tensor([700.0]))
    wanted = transformer.evaluate(latents, time, context)
    got = BucketedEvaluate(PaddedTransformer(transformer), graphs=False)(latents, time, context)
    assert got.shape == wanted.shape and relative_error(got, wanted) < ROUNDING


@torch.inference_mode()
def test_one_graph_serves_songs_of_several_lengths_and_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replayed as a CUDA graph is, operation by operation on the tensors that it was made with: what an earlier, longer
    song left there must not reach a later one, and nothing may depend on what was in them at first."""
    monkeypatch.setattr("torch.cuda.graph_pool_handle", lambda: "pool")
    monkeypatch.setattr("engine.networks.bucketed.captured", lambda run, _pool: replayed(run))
    transformer = networks("base").transformer
    bucketed = BucketedEvaluate(PaddedTransformer(transformer), graphs=True)
    for frames, lengths, timestep in (
        (48, (60, 1), 900.0),
        (33, (5, 1), 20.0),
        (41, (33, 1), 500.0),
        (48, (60, 1), 1.0),
    ):
        context, latents = context_of(transformer, lengths, 1, frames), latents_of(transformer, 2, frames)
        time = transformer.time_steps(torch.tensor([timestep]))
        assert relative_error(bucketed(latents, time, context), transformer.evaluate(latents, time, context)) < ROUNDING
    assert list(bucketed._prepared) == [Shape(48, ((1, 64), (1, 1)))]
    bucketed.reset()
    assert not bucketed._prepared


def test_no_position_sees_padding_and_each_sees_something() -> None:
    for length, real, window in ((8, 3, 8), (20, 7, 8), (40, 21, 8), (40, 40, 8), (40, 5, None)):
        band = band_of_real(length, real, window, torch.device("cpu"))
        seen = torch.zeros(length, length, dtype=torch.bool)
        blocks, _, queries, keys = band.shape
        for block in range(blocks):
            for query in range(length if blocks == 1 else min(queries, length - block * queries)):
                row = band[block, 0, query if queries > 1 else 0]
                first = 0 if blocks == 1 else block * queries - (keys - queries) // 2
                for key in row.nonzero()[:, 0].tolist():
                    seen[block * queries * (blocks > 1) + query, first + key] = True
        places = torch.arange(length)
        near = torch.ones_like(seen) if window is None else (places[:, None] - places).abs() <= window
        assert torch.equal(seen[:real], (near & (places < real))[:real]) and seen.any(dim=1).all()


@torch.inference_mode()
def test_blocks_compile_for_every_length_and_layer() -> None:
    """Traced by dynamo and run as traced: sliding and full layers, not one by one and not once a length."""
    torch._dynamo.reset()
    traced: list[int] = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> object:
        traced.append(1)
        return graph.forward

    plain, compiled = (load_networks(OURS / "tiny_checkpoint" / "base").transformer for _ in range(2))
    bucketed = BucketedEvaluate(PaddedTransformer(compiled), graphs=False, backend=backend)  # type: ignore[arg-type]
    for frames, lengths in ((130, (100, 1)), (210, (100, 1)), (330, (200, 1))):  # of sizes that no other has
        context, latents = context_of(plain, lengths, 1, frames), latents_of(plain, 2, frames)
        time = plain.time_steps(torch.tensor([700.0]))
        assert relative_error(bucketed(latents, time, context), plain.evaluate(latents, time, context)) < ROUNDING
    assert 1 <= len(traced) <= 4
    torch._dynamo.reset()


@torch.inference_mode()
def test_what_cannot_be_captured_runs_without_a_graph(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once; a device that is full is not that."""

    def refused(*_: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr("torch.cuda.graph_pool_handle", lambda: "pool")
    monkeypatch.setattr("engine.networks.bucketed.captured", refused)
    transformer = networks("turbo").transformer
    bucketed = BucketedEvaluate(PaddedTransformer(transformer), graphs=True)
    time = transformer.time_steps(torch.tensor([700.0]))
    for frames in (16, 40):
        context, latents = context_of(transformer, (9,), 1, frames), latents_of(transformer, 1, frames)
        assert relative_error(bucketed(latents, time, context), transformer.evaluate(latents, time, context)) < ROUNDING
    assert caplog.text.count("CUDA graphs cannot be made here") == 1

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr("engine.networks.bucketed.captured", full)
    with pytest.raises(torch.OutOfMemoryError):
        BucketedEvaluate(PaddedTransformer(transformer), graphs=True)(latents, time, context)


def test_a_render_is_that_of_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guided inpaint of two candidates, whole. Blocks are left as they are."""
    monkeypatch.setattr(nn.Module, "compile", lambda *_, **__: None)
    loaded = model("base")
    fast = engine.Model("fast", loaded.networks, speed="compiled")
    request = inpaint(variations=2, number_of_steps=2)
    plain, padded = (torch.from_numpy(m.render(request).audio) for m in (loaded, fast))
    assert relative_error(padded, plain) < 10 * ROUNDING
