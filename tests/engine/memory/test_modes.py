"""Memory modes: which is chosen, one step down at a time when memory runs out, and an error with numbers at the end."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import engine
from engine.checkpoints.int8 import is_int8, round_weights
from engine.checkpoints.load import load_networks
from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.families.memory_report import memory_report
from engine.families.v1.checkpoint_sizes import sizes_of_checkpoint
from engine.families.v1.sizes import V1Sizes, sizes_of
from engine.memory import main_memory
from engine.memory import placement as memory
from engine.memory.ladder import Ladder
from engine.memory.placement import Placement, free_bytes, modes_of, module_bytes, own_bytes
from engine.memory.plan import MODES, Work, choose_mode, expected_peak_bytes, mode_named
from engine.model import Model, load
from engine.requests import resolve
from engine.requests.extent import extent_of
from tests.support.batches import batches_as_on_a_gpu
from tests.support.golden_runs import GOLDEN


@pytest.fixture(autouse=True)
def _batches(monkeypatch: pytest.MonkeyPatch) -> None:
    batches_as_on_a_gpu(monkeypatch)


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_networks(GOLDEN / "tiny_checkpoint")


@contextmanager
def allocator_limit(networks: Networks, rows: int, needs_int8: bool = False) -> Iterator[None]:
    """An allocator that has room for so many rows of the transformer's batch, where asked for beside 8-bit weights."""

    def forward(_module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        small = is_int8(networks.transformer.get_parameter("transformer_blocks.0.attn.to_q.weight"))
        if given[0].shape[0] > rows or (needs_int8 and not small):
            raise torch.OutOfMemoryError(f"{given[0].shape[0]} rows")

    # the first block may be given rows that are alike only once
    handle = networks.transformer.transformer_blocks[1].register_forward_pre_hook(forward)
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


@pytest.mark.parametrize(("rows", "mode"), [(4, "int8"), (2, "int8-offloaded")])
def test_then_weights_are_rounded_and_the_result_says_so(
    rows: int, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    networks = load_networks(GOLDEN / "tiny_checkpoint")
    caplog.set_level("INFO", "engine")
    with allocator_limit(networks, rows, needs_int8=True):
        model = Model("tiny", networks)
        exact = model.identity
        results = model.render_all(request())
    assert {r.report["memory"] for r in results} == {mode}
    assert any("8 bits" in warning for warning in results[0].report["warnings"])
    assert results[0].report["recipe"]["model"]["weights"] == "int8" and exact.weights == ""
    steps = [record.getMessage() for record in caplog.records if "ran out of memory" in record.getMessage()]
    names = [m.name for m in MODES]
    assert len(steps) == names.index(mode)
    for step, before, after in zip(steps, names, names[1:], strict=False):
        assert before in step and after in step
    assert model.render_all(request())[0].report["memory"] == "int8"  # they stay rounded


def test_when_nothing_fits_the_error_has_numbers() -> None:
    networks = load_networks(GOLDEN / "tiny_checkpoint")
    with (
        allocator_limit(networks, 1),
        pytest.raises(engine.OutOfMemory, match=r"resident \(.* GB.*offloaded \(.*int8-offloaded \(.*GB are free"),
    ):
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


RELEASED = V1Sizes(  # ACE-Step v1 in bfloat16 on a GPU
    weights={"transformer": 5_180_000_000, "autoencoder": 680_000_000, "text_encoder": 560_000_000},
    weights_int8={"transformer": 2_700_000_000, "autoencoder": 680_000_000, "text_encoder": 480_000_000},
    layers=24,
    width=2560,
    mlp_ratio=2.5,
    local_channels=128,
    deep_channels=1024,
    item_bytes=2,
    shared=False,
)


def test_the_mode_follows_from_free_memory() -> None:
    work = Work(items=8, passes=3, frames=2583, encoded_frames=400, tokens=600)
    needs = [expected_peak_bytes(RELEASED, work, mode) for mode in MODES]
    assert needs[0] > needs[1] > needs[2] and needs[3] > needs[4]
    room = sorted({*needs, max(needs) * 2}, reverse=True)
    for free in room:
        mode = choose_mode(RELEASED, work, free)
        assert expected_peak_bytes(RELEASED, work, mode) <= free
        assert all(expected_peak_bytes(RELEASED, work, m) > free for m in MODES[: MODES.index(mode)])
    assert choose_mode(RELEASED, work, 0) is MODES[-1]
    assert choose_mode(RELEASED, work, None) is MODES[0]


def test_offloading_wins_nothing_where_device_and_main_memory_are_one() -> None:
    work, shared = Work(1, 2, 200), replace(RELEASED, shared=True)
    assert expected_peak_bytes(shared, work, mode_named("offloaded")) > sum(RELEASED.weights.values())
    assert expected_peak_bytes(RELEASED, work, mode_named("offloaded")) < sum(RELEASED.weights.values())


def test_long_lyrics_count() -> None:
    short, long = (expected_peak_bytes(RELEASED, Work(1, 3, 600, 0, tokens), MODES[0]) for tokens in (64, 4096))
    assert long - short > 1e9


def test_a_limit_of_the_users_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = load_networks(GOLDEN / "tiny_checkpoint")
    monkeypatch.setenv("ACESTEP_MEMORY_LIMIT", "0.0001")
    assert free_bytes(torch.device("cpu")) == 0
    result = Model("tiny", networks).render_all(request(variations=1, duration=0.1))[0]
    assert result.report["memory"] == "int8-offloaded"
    monkeypatch.setenv("ACESTEP_MEMORY_LIMIT", "much")
    with pytest.raises(engine.EngineError, match="gigabytes"):
        free_bytes(torch.device("cpu"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told by Linux and Windows")
def test_weights_that_are_mapped_from_their_file_are_not_counted_as_room_twice(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(8_000_000)}, str(tmp_path / "weights.safetensors"))
    before = own_bytes()
    with safe_open(str(tmp_path / "weights.safetensors"), "pt") as file:
        mapped = file.get_tensor("weight")
        float(mapped.sum())  # touches every page
        assert own_bytes() - before < 8_000_000
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # not `clone`, for which the allocator may have had room already
    with mmap.mmap(-1, 32_000_000, flags=flags) as own:
        own.write(bytes(32_000_000))
        assert own_bytes() - before > 24_000_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told by Linux and Windows")
def test_a_mapped_model_larger_than_the_memory_goes_down_to_the_last_mode(networks: Networks) -> None:
    weights = dict.fromkeys(RELEASED.weights, 1 << 50)
    larger = replace(RELEASED, shared=True, weights=weights, weights_int8=weights)
    ladder = Ladder(Placement(networks), torch.device("cpu"), None)
    ladder.measure(larger, MODES)
    assert ladder.walk(Work(1, 2, 200), lambda mode: mode.name, lambda: None) == "int8-offloaded"


def test_more_variations_than_memory_admits_is_an_error_with_numbers(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACESTEP_MEMORY_LIMIT", "0.1")
    with pytest.raises(engine.InvalidRequest) as caught:
        Model("tiny", networks).render_all(request(variations=16, duration=240.0))
    error = caught.value
    assert (error.field, error.got) == ("variations", "16 result(s) of 184 MB each, 2.95 GB in all")
    assert error.expected == "at most 0 with 0.10 GB of free memory"
    with pytest.raises(engine.InvalidRequest, match="candidates"):
        check_fits(request(variations=1, candidates=16), 10_000)
    check_fits(request(), 10_000_000)


def check_fits(given: engine.Request, free: int) -> None:
    resolved = resolve(given)
    main_memory.check_results_fit(resolved, extent_of(resolved, V1_GEOMETRY), free)


class TestInt8:
    def test_given_by_the_user_it_is_loaded_so(self) -> None:
        model = load(GOLDEN / "tiny_checkpoint", device="cpu", memory="int8")
        exact = load(GOLDEN / "tiny_checkpoint", device="cpu")
        again = load_networks(GOLDEN / "tiny_checkpoint")
        round_weights(again.transformer)
        name = "transformer_blocks.3.ff.point_conv.conv.weight"
        loaded, rounded = (n.transformer.get_parameter(name) for n in (model.networks, again))
        assert torch.equal(loaded.dequantize(), rounded.dequantize())
        made, wanted = (m.render_all(request(variations=1))[0] for m in (model, exact))
        assert made.report["memory"] == "int8" and made.report["warnings"] == []
        error = np.linalg.norm(made.latents - wanted.latents) / np.linalg.norm(wanted.latents)
        assert 1e-4 < error < 0.2

    def test_the_expected_size_is_the_true_one(self) -> None:
        networks = load_networks(GOLDEN / "tiny_checkpoint")
        expected = sizes_of(networks).weights_int8
        round_weights(networks.transformer)
        round_weights(networks.text_encoder)
        assert module_bytes(networks.transformer) == expected["transformer"]
        assert module_bytes(networks.text_encoder) == expected["text_encoder"]
        assert sizes_of(networks).weights == expected

    def test_loras_go_on_and_off(self) -> None:
        model = load(GOLDEN / "tiny_checkpoint", device="cpu", memory="int8")
        plain = model.render(request(variations=1))
        changed = model.render(request(variations=1, lora=[str(GOLDEN / "tiny_lora")]))
        again = model.render(request(variations=1))
        assert np.abs(changed.latents - plain.latents).max() > 1e-3
        np.testing.assert_array_equal(again.latents, plain.latents)

    def test_without_torchao_it_is_said_and_not_chosen(
        self, networks: Networks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert [mode.name for mode in modes_of(networks)] == ["resident", "tiled", "offloaded"]
        with pytest.raises(engine.EngineError, match=r"needs torchao.*pip install"):
            load(GOLDEN / "tiny_checkpoint", device="cpu", memory="int8")


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


def test_moving_a_network_keeps_tied_weights_and_8_bit_ones() -> None:
    """To the meta device, which holds no numbers: enough to see that everything goes, in inference mode too."""
    text_encoder = load_networks(GOLDEN / "tiny_checkpoint").text_encoder
    round_weights(text_encoder)
    with torch.inference_mode():
        memory._move(text_encoder, torch.device("meta"))
    assert {t.device.type for t in (*text_encoder.parameters(), *text_encoder.buffers())} == {"meta"}
    assert text_encoder.model.shared.weight is text_encoder.model.encoder.embed_tokens.weight
    assert any(is_int8(weight) for weight in text_encoder.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_headers_alone_tell_what_a_loaded_model_takes(dtype: torch.dtype) -> None:
    """Weight norm is folded and tables are made at loading: the autoencoder within 20 %, the others within 2 %."""
    told = sizes_of_checkpoint(GOLDEN / "tiny_checkpoint", torch.device("cpu"), dtype)
    loaded = sizes_of(load_networks(GOLDEN / "tiny_checkpoint", "cpu", dtype))
    assert replace(told, weights={}, weights_int8={}) == replace(loaded, weights={}, weights_int8={})
    for name, size in loaded.weights.items():
        near = 0.2 if name == "autoencoder" else 0.02
        assert told.weights[name] == pytest.approx(size, rel=near)
        assert told.weights_int8[name] == pytest.approx(loaded.weights_int8[name], rel=near)
    assert told.weights_int8["transformer"] < told.weights["transformer"]


def test_the_report_for_doctor_names_mode_and_peak() -> None:
    for job in memory_report(GOLDEN / "tiny_checkpoint", "cpu"):
        assert job["mode"] == "resident" and 1e7 < job["expected_bytes"] < job["room_bytes"]


def test_an_unknown_mode_names_those_there_are() -> None:
    with pytest.raises(engine.EngineError, match="resident"):
        mode_named("tiny")
