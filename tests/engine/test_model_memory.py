"""Memory modes: which is chosen, one step down at a time when memory runs out, and an error with numbers at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from golden_runs import GOLDEN
from torch import nn

import engine
from engine.checkpoints.load import load_networks
from engine.checkpoints.networks import Networks
from engine.model import Model
from engine.rendering.memory import MODES, Placement, Work, choose_mode, expected_peak_bytes, mode_named


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_networks(GOLDEN / "tiny_checkpoint")


@contextmanager
def allocator_limit(networks: Networks, rows: int) -> Iterator[None]:
    """An allocator that has room for so many rows of the transformer's batch."""

    def forward(_module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if given[0].shape[0] > rows:
            raise torch.OutOfMemoryError(f"{given[0].shape[0]} rows")

    handle = networks.transformer.proj_in.register_forward_pre_hook(forward)
    try:
        yield
    finally:
        handle.remove()


def request(**fields: object) -> engine.TextToAudio:
    given = {"tags": "house", "duration": 1.0, "number_of_steps": 2, "seed": 3, "variations": 4, **fields}
    return engine.TextToAudio(guidance_scale=3.0, guidance_interval=1.0, **given)


@pytest.mark.parametrize(("rows", "mode"), [(8, "resident"), (4, "tiled"), (2, "offloaded")])
def test_out_of_memory_goes_one_mode_down_with_the_same_result(networks: Networks, rows: int, mode: str) -> None:
    free = Model("tiny", networks).render_all(request())
    with allocator_limit(networks, rows):
        results = Model("tiny", networks).render_all(request())
    assert {r.report["memory"] for r in results} == {mode}
    for a, b in zip(free, results, strict=True):
        np.testing.assert_allclose(a.latents, b.latents, atol=1e-3)


def test_when_nothing_fits_the_error_has_numbers(networks: Networks) -> None:
    with allocator_limit(networks, 1), pytest.raises(engine.OutOfMemory, match=r"resident \(.* GB.*offloaded"):
        Model("tiny", networks).render_all(request())


def test_other_errors_are_not_taken_for_memory(networks: Networks) -> None:
    def fail(_module: nn.Module, _given: object) -> None:
        raise RuntimeError("shape mismatch")

    handle = networks.transformer.proj_in.register_forward_pre_hook(fail)
    try:
        with pytest.raises(RuntimeError, match="shape mismatch"):
            Model("tiny", networks).render_all(request())
    finally:
        handle.remove()


def test_the_mode_follows_from_free_memory(networks: Networks) -> None:
    work = Work(items=8, passes=3, frames=2583)
    needs = [expected_peak_bytes(networks, work, mode) for mode in MODES]
    assert needs[0] > needs[1] > needs[2]
    for mode, need in zip(MODES, needs, strict=True):
        assert choose_mode(networks, work, need, weights_are_there=False) is mode
    assert choose_mode(networks, work, 0, weights_are_there=False) is MODES[-1]
    assert choose_mode(networks, work, None) is MODES[0]


def test_offloading_keeps_one_network_on_the_device(networks: Networks) -> None:
    moves: list[tuple[str, str]] = []
    names = {id(networks.transformer): "transformer", id(networks.autoencoder): "autoencoder"}

    def move(module: nn.Module, device: torch.device) -> None:
        moves.append((names.get(id(module), "text_encoder"), "here" if device == networks.device else "away"))

    placement = Placement(networks, move)
    placement.use("transformer")
    assert moves == []
    placement.set_mode(mode_named("offloaded"))
    placement.use("transformer")
    assert [name for name, _ in moves][-1] == "transformer" and len(moves) == 3
    moves.clear()
    placement.set_mode(mode_named("resident"))
    placement.use("autoencoder")
    assert {name for name, _ in moves} == {"transformer", "autoencoder", "text_encoder"}
    moves.clear()
    placement.use("transformer")
    assert moves == []


def test_an_unknown_mode_names_those_there_are() -> None:
    with pytest.raises(engine.EngineError, match="resident"):
        mode_named("tiny")
