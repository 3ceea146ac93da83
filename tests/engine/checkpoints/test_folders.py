"""Checkpoint folders and the registry: what is read, and what is said when something is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.checkpoints import registry
from engine.checkpoints.load import load_networks
from engine.errors import CheckpointError
from tests.support.networks_material import TINY, golden, relative_error, tiny_networks

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder with spaces é"
    shutil.copytree(TINY, folder)
    return folder


def rewrite(path: Path, change: object) -> None:
    state = load_file(path)
    change(state)  # type: ignore[operator]
    path.unlink()
    save_file(state, path)


def test_dead_weights_are_not_loaded() -> None:
    names = dict(tiny_networks().transformer.named_parameters())
    assert not [n for n in names if "add_" in n or n.startswith("projectors")]


def test_networks_are_ready_for_inference() -> None:
    networks = tiny_networks()
    for module in (networks.transformer, networks.autoencoder, networks.text_encoder):
        assert not module.training
        assert not [n for n, p in module.named_parameters() if p.requires_grad or p.is_meta]


def test_encoding_stays_float32() -> None:
    networks = load_networks(TINY, "cpu", torch.bfloat16)
    assert {p.dtype for p in networks.transformer.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in networks.autoencoder.dcae.encoder.parameters()} == {torch.float32}
    assert {p.dtype for p in networks.autoencoder.dcae.decoder.parameters()} == {torch.bfloat16}
    assert {b.dtype for b in networks.autoencoder.vocoder.mel_transform.buffers()} == {torch.float32}
    latents = golden("dcae")["latents"]
    audio, wanted = networks.autoencoder.decode(latents), tiny_networks().autoencoder.decode(latents)
    assert audio.dtype == torch.float32
    assert relative_error(audio, wanted) < 0.1


def test_one_embedding_suffices(copy: Path) -> None:
    """The release holds one copy of the tied embedding; either name will do."""
    path = copy / "umt5-base" / "model.safetensors"
    names = [k for k in load_file(path) if k in ("shared.weight", "encoder.embed_tokens.weight")]
    other = ({"shared.weight", "encoder.embed_tokens.weight"} - set(names)) or {"shared.weight"}
    value = load_file(path)[names[0]]

    def rename(state: dict[str, torch.Tensor]) -> None:
        for name in names:
            del state[name]
        state[other.pop()] = value

    rewrite(path, rename)
    model = load_networks(copy).text_encoder.model
    assert model.shared.weight is model.encoder.embed_tokens.weight
    assert torch.equal(model.shared.weight, value.float())


@pytest.mark.parametrize(
    ("part", "change", "named"),
    [
        ("ace_step_transformer", lambda s: s.pop("lyric_proj.bias"), "missing weights lyric_proj.bias"),
        ("ace_step_transformer", lambda s: s.update({"stray.weight": torch.zeros(1)}), "unknown weights stray.weight"),
        ("ace_step_transformer", lambda s: s.update({"lyric_proj.bias": torch.zeros(5)}), "shape"),
        ("music_vocoder", lambda s: s.pop("head.ups.0.weight_g"), "head.ups.0.weight"),
        ("music_dcae_f8c8", lambda s: s.pop("decoder.conv_out.bias"), "decoder.conv_out.bias"),
    ],
)
def test_wrong_weights_are_named(copy: Path, part: str, change: object, named: str) -> None:
    rewrite(copy / part / WEIGHTS, change)
    with pytest.raises(CheckpointError, match=named):
        load_networks(copy)


@pytest.mark.parametrize(
    "file", ["ace_step_transformer/config.json", f"music_vocoder/{WEIGHTS}", "umt5-base/tokenizer.json"]
)
def test_missing_files_are_named(copy: Path, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(CheckpointError, match=f"{file}.*models pull"):
        load_networks(copy)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere.*no such checkpoint folder"):
        load_networks(tmp_path / "nowhere")


def test_a_cut_file_is_named(copy: Path) -> None:
    path = copy / "ace_step_transformer" / WEIGHTS
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"cannot be read as safetensors.*Download the file again"):
        load_networks(copy)


def test_a_broken_config_is_named(copy: Path) -> None:
    (copy / "music_vocoder" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"music_vocoder.config.json: cannot be read as JSON"):
        load_networks(copy)


def test_a_folder_can_bring_its_lyric_vocabulary(copy: Path) -> None:
    assert tiny_networks().lyric_vocab is None
    (copy / "lyric_vocab.json").write_text(json.dumps({}))
    assert load_networks(copy).lyric_vocab == copy / "lyric_vocab.json"


class TestRegistry:
    def test_names(self, tmp_path: Path) -> None:
        entries = {entry.name: entry for entry in registry.entries(tmp_path)}
        assert list(entries)[:3] == ["nano", "ace-step-v1", "ace-step-1.5"]
        kinds = ("turbo-shift1", "turbo-shift3", "turbo-continuous", "sft", "base", "xl-turbo", "xl-sft", "xl-base")
        assert list(entries)[3:] == [f"ace-step-1.5-{kind}" for kind in kinds]
        assert entries["ace-step-v1"].folder == tmp_path / "models" / "ace-step-v1"
        assert not entries["ace-step-v1"].installed
        assert len(entries["ace-step-v1"].revision or "") == 40

    def test_a_path_is_an_entry(self) -> None:
        entry = registry.resolve(str(TINY))
        assert entry.folder == TINY.resolve() and entry.installed
        assert entry.size_bytes == sum(f.stat().st_size for f in TINY.rglob("*") if f.is_file())

    def test_unknown_names_are_told_what_exists(self) -> None:
        with pytest.raises(CheckpointError, match=r"'ace-step-v9'.*nano, ace-step-v1.*path"):
            registry.resolve("ace-step-v9")
        with pytest.raises(CheckpointError, match=r"'/music/moved', where nothing is, .*name where it is now"):
            registry.resolve("/music/moved")

    def test_what_is_not_there_is_told_how_to_get(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"8\.3 GB.*Apache-2\.0.*models pull ace-step-v1"):
            registry.resolve("ace-step-v1", tmp_path)

    def test_pulled_models_are_found_in_the_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path))
        shutil.copytree(TINY, tmp_path / "models" / "ace-step-v1")
        assert registry.resolve("ace-step-v1").folder == tmp_path / "models" / "ace-step-v1"
