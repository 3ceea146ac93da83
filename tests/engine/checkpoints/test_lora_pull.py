"""LoRAs by hub id, from a real HTTP server that speaks the hub's protocol: pulled once, pinned, resumed, several."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.checkpoints import lora_pull
from engine.checkpoints.lora_files import LORA_FILE
from engine.checkpoints.lora_pull import is_hub_id, lora_path, pull_lora, pulled_loras
from engine.errors import CheckpointError, InvalidRequest
from engine.model import load
from tests.support.golden15_runs import OURS
from tests.support.hub_server import Hub, serving
from tests.support.networks_material import GOLDEN, TINY

NAME, COMMIT = "somebody/tiny-lora", "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub(NAME, COMMIT, GOLDEN / "tiny_lora", {})) as server:
        yield server


def test_it_is_pulled_once_and_pinned(hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "engine")
    folder = lora_path(NAME, tmp_path, endpoint=hub.url)
    assert folder == tmp_path / "models" / "loras" / "somebody--tiny-lora" / COMMIT
    assert (folder / LORA_FILE).read_bytes() == hub.files[LORA_FILE]
    assert "licence apache-2.0" in caplog.text and COMMIT[:12] in caplog.text
    hub.broken, hub.ranges = True, []  # the hub is gone, or its main is another commit by now
    assert lora_path(NAME, tmp_path, endpoint=hub.url) == folder
    assert lora_path(f"{NAME}@main", tmp_path, endpoint=hub.url) == folder
    assert lora_path(f"{NAME}@{COMMIT}", tmp_path, endpoint=hub.url) == folder
    assert hub.ranges == []
    assert pulled_loras(tmp_path) == {f"{NAME}@{COMMIT[:12]}": folder}


def test_a_revision_may_be_named(hub: Hub, tmp_path: Path) -> None:
    hub.asked = "v2"
    assert lora_path(f"{NAME}@v2", tmp_path, endpoint=hub.url).name == COMMIT
    with pytest.raises(CheckpointError, match="no such repository, revision or file"):
        lora_path(f"{NAME}@v1", tmp_path, endpoint=hub.url)


def test_cut_off_and_resumed(hub: Hub, tmp_path: Path) -> None:
    half = len(hub.files[LORA_FILE]) // 2
    hub.cut[LORA_FILE] = half
    with pytest.raises(CheckpointError, match="models pull somebody/tiny-lora` goes on from there"):
        lora_path(NAME, tmp_path, endpoint=hub.url)
    hub.broken, hub.ranges = False, []
    folder = pull_lora(NAME, tmp_path, endpoint=hub.url)
    assert hub.ranges == [(LORA_FILE, f"bytes={half}-")]
    assert (folder / LORA_FILE).read_bytes() == hub.files[LORA_FILE]


def test_a_repository_without_a_lora_is_named(hub: Hub, tmp_path: Path) -> None:
    del hub.files[LORA_FILE]
    with pytest.raises(CheckpointError, match=f"holds no {LORA_FILE}"):
        lora_path(NAME, tmp_path, endpoint=hub.url)
    assert pulled_loras(tmp_path) == {}


@pytest.mark.parametrize("text", ["../secrets", "/etc/passwd", "a/b/c", "owner", "owner/name@../x", "./here/x", ""])
def test_paths_are_not_taken_for_hub_ids(text: str) -> None:
    assert not is_hub_id(text)


def test_files_that_are_there_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert lora_path("owner/name", tmp_path) == Path("owner/name")


def test_a_request_names_several_by_id_and_path(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first by its hub id, the second by its path, with weights; then others, without reloading the base."""
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path))
    lora_pull.pull_lora(NAME, endpoint=hub.url)
    model = load(TINY, device="cpu")
    weights = model.networks.transformer.get_parameter("transformer_blocks.0.attn.to_q.weight")

    def made(**fields: object) -> np.ndarray:
        request = engine.TextToAudio(tags="x", duration=0.5, number_of_steps=2, seed=1, **fields)
        return model.render(request).latents

    with pytest.raises(InvalidRequest, match="models pull nobody/none") as refused:
        made(lora=["nobody/none"])
    assert refused.value.field == "lora"
    plain, path = made(), str(GOLDEN / "tiny_lora")
    both = made(lora=[NAME, path], lora_weight=[0.25, 0.5])
    np.testing.assert_allclose(both, made(lora=[path], lora_weight=[0.75]), atol=1e-4)
    np.testing.assert_array_equal(made(lora=[NAME], lora_weight=[1.0]), made(lora=[path]))
    np.testing.assert_array_equal(made(), plain)
    assert model.networks.transformer.get_parameter("transformer_blocks.0.attn.to_q.weight") is weights
    assert np.abs(both - plain).max() > 1e-3


def test_a_folder_of_peft_comes_with_its_config(tmp_path: Path) -> None:
    """Without adapter_config.json the scale of the training would be lost."""
    with serving(Hub(NAME, COMMIT, OURS / "tiny_lora", {})) as hub:
        folder = lora_path(NAME, tmp_path, endpoint=hub.url)
        hub.broken = True
        assert lora_path(NAME, tmp_path, endpoint=hub.url) == folder
    own = load(OURS / "tiny_checkpoint" / "base", device="cpu")
    request = {"tags": "x", "duration": 0.5, "seed": 1, "number_of_steps": 2}
    pulled, local = (own.render(engine.TextToAudio(**request, lora=[str(p)])) for p in (folder, OURS / "tiny_lora"))
    assert np.array_equal(pulled.latents, local.latents)
