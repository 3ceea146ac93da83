"""ACE-Step 1.5's checkpoints in the three public layouts, whole and broken, at tiny and at real size."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.checkpoints.ace_step_15.comfy import comfy_configs
from engine.checkpoints.ace_step_15.keys import from_diffusers, from_stable_audio, original_home
from engine.checkpoints.ace_step_15.load import load_networks
from engine.checkpoints.ace_step_15.parts import Networks
from engine.checkpoints.ace_step_15.places import is_ace_step_15
from engine.checkpoints.weights import build_empty
from engine.errors import CheckpointError
from engine.networks.ace_step_15.audio_tokens import AudioDetokenizer, AudioTokenizer
from engine.networks.ace_step_15.conditions import ConditionEncoder
from engine.networks.ace_step_15.config import (
    AudioTokensConfig,
    ConditionConfig,
    OobleckConfig,
    TextEncoderConfig,
    TransformerConfig,
)
from engine.networks.ace_step_15.oobleck import OobleckAutoencoder
from engine.networks.ace_step_15.text_encoder import Qwen3
from engine.networks.ace_step_15.transformer import Transformer
from tests.support.golden15_runs import OURS
from tests.support.layouts15 import make_comfy, make_original, stable_audio_key
from tests.support.paths import TINY

TINY15 = OURS / "tiny_checkpoint"
CHECKPOINTS = ("base", "turbo")
XL = {"encoder_hidden_size": 2048, "encoder_intermediate_size": 6144}
XL |= {"encoder_num_attention_heads": 16, "encoder_num_key_value_heads": 8}


def table(name: str) -> dict[str, Any]:
    return json.loads((OURS / "state_dicts" / f"state_dict_{name}.json").read_text())


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {key: tuple(entry["shape"]) for key, entry in table(name)["state_dict"].items()}


def same(a: Networks, b: Networks) -> None:
    """Every weight, the silence latent and every size are the same."""
    assert a.config == b.config and torch.equal(a.silence, b.silence)
    for name in ("transformer", "conditions", "audio_tokens", "autoencoder", "text_encoder"):
        ours, theirs = getattr(a, name).state_dict(), getattr(b, name).state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name
    assert a.conditions.config == b.conditions.config
    assert a.autoencoder.config == b.autoencoder.config


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("shards", (1, 3))
def test_original_layout_gives_the_same_networks(checkpoint: str, shards: int, tmp_path: Path) -> None:
    folder = make_original(TINY15 / checkpoint, tmp_path / "acestep-v15", shards)
    assert is_ace_step_15(folder)
    same(load_networks(folder), load_networks(TINY15 / checkpoint))


def test_main_repository_and_its_neighbours(tmp_path: Path) -> None:
    """The main repository holds a checkpoint beside vae and text encoder; other checkpoints borrow these from it."""
    made = make_original(TINY15 / "turbo", tmp_path / "made")
    main, other = tmp_path / "models" / "ace-step-1.5", tmp_path / "models" / "ace-step-1.5-base"
    shutil.copytree(made, main / "acestep-v15-turbo", ignore=shutil.ignore_patterns("vae", "Qwen3*"))
    for shared in ("vae", "Qwen3-Embedding-0.6B"):
        shutil.move(made / shared, main / shared)
    shutil.copytree(main / "acestep-v15-turbo", other)
    same(load_networks(main), load_networks(TINY15 / "turbo"))
    same(load_networks(other), load_networks(TINY15 / "turbo"))
    shutil.copytree(main / "acestep-v15-turbo", main / "acestep-v15-sft")
    with pytest.raises(CheckpointError, match="holds acestep-v15-sft, acestep-v15-turbo"):
        load_networks(main)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_comfy_layout_gives_the_same_weights(checkpoint: str, tmp_path: Path) -> None:
    file = make_comfy(TINY15 / checkpoint, tmp_path / "split_files", f"acestep_v1.5_{checkpoint}.safetensors")
    assert is_ace_step_15(file) and is_ace_step_15(tmp_path)
    with pytest.raises(CheckpointError, match=r"silence_latent is missing.*silence_latent\.pt"):
        load_networks(file)
    shutil.copy(make_original(TINY15 / checkpoint, tmp_path / "x") / "silence_latent.pt", file.parent)
    same(load_networks(file), load_networks(TINY15 / checkpoint))
    same(load_networks(tmp_path), load_networks(TINY15 / checkpoint))


def test_audio_tokens_may_be_missing_in_diffusers_layout(tmp_path: Path) -> None:
    folder = tmp_path / "turbo"
    shutil.copytree(TINY15 / "turbo", folder)
    shutil.rmtree(folder / "audio_tokenizer")
    assert load_networks(folder).audio_tokens is None


def test_a_checkpoint_of_v1_is_none_of_these() -> None:
    assert not is_ace_step_15(TINY)
    with pytest.raises(CheckpointError, match=r"no ACE-Step 1\.5 checkpoint"):
        load_networks(TINY)


def test_python_files_and_pickles_run_nothing(tmp_path: Path) -> None:
    folder = make_original(TINY15 / "turbo", tmp_path / "original")
    mark = tmp_path / "mark"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    (folder / "silence_latent.pt").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match="cannot be read as one tensor"):
        load_networks(folder)
    assert not mark.exists()


def broken(folder: Path, what: str) -> None:
    if what == "shard":
        (folder / "model-00002-of-00003.safetensors").unlink()
    elif what == "index":
        (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "../model.safetensors"}}')
    elif what == "vae":
        shutil.rmtree(folder / "vae")
    elif what == "tokenizer":
        (folder / "Qwen3-Embedding-0.6B" / "tokenizer.json").unlink()
    elif what == "silence shape":
        torch.save(torch.zeros(1, 7, 9), folder / "silence_latent.pt")
    elif what == "silence":
        torch.save({"a": torch.zeros(1)}, folder / "silence_latent.pt")
    else:
        name = folder / "model-00001-of-00003.safetensors"
        state = load_file(name)
        state["decoder.strange"] = torch.zeros(1)
        save_file(state, name)
        index = json.loads((folder / "model.safetensors.index.json").read_text())
        index["weight_map"]["decoder.strange"] = name.name
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("shard", r"missing model-00002-of-00003.safetensors, which model.safetensors.index.json names"),
        ("index", r"names '../model.safetensors', expected files beside it"),
        ("vae", r"vae is missing: no such folder"),
        ("tokenizer", r"tokenizer.json of Qwen3-Embedding-0.6B is missing"),
        ("silence shape", r"silence latent: got shape \(1, 7, 9\), expected \(1, 8, frames\)"),
        ("silence", r"got dict, expected a tensor"),
        ("strange key", r"unknown weights strange"),
    ],
)
def test_what_is_wrong_is_named(what: str, message: str, tmp_path: Path) -> None:
    folder = make_original(TINY15 / "base", tmp_path / "original", 3)
    broken(folder, what)
    with pytest.raises(CheckpointError, match=message):
        load_networks(folder)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("condition_encoder", "no weights"),
        ("transformer", "no weights"),
        ("transformer/config.json", "No such file"),
        ("condition_encoder/config.json", "No such file"),
    ],
)
def test_a_cut_download_in_diffusers_layout_is_still_of_this_model(gone: str, message: str, tmp_path: Path) -> None:
    """It was taken for v1, whose files were all named as missing."""
    folder = tmp_path / "cut"
    shutil.copytree(TINY15 / "base", folder)
    shutil.rmtree(folder / gone) if "." not in gone else (folder / gone).unlink()
    assert is_ace_step_15(folder)
    with pytest.raises(CheckpointError, match=f"{gone}.*{message}.*name a complete folder"):
        load_networks(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_channels": 25}, "got in_channels 25, expected 24"),
        ({"attention_bias": True}, "got attention_bias True"),
        ({"num_key_value_heads": 3}, "expected a whole number of heads for each key-value head"),
        ({"layer_types": ["full_attention"]}, "expected 4 of 'sliding_attention'"),
        ({"head_dim": None}, "head_dim is missing"),
        ({"sliding_window": 0}, "got sliding_window 0, expected a whole number above 0"),
        ({"patch_size": "2"}, "got patch_size '2', expected a whole number"),
    ],
)
def test_configs_that_cannot_be_used(change: dict[str, Any], message: str) -> None:
    raw = json.loads((TINY15 / "base" / "transformer" / "config.json").read_text())
    with pytest.raises(CheckpointError, match=message):
        TransformerConfig.read({**raw, **change}, "config.json")


@pytest.mark.parametrize("place", ["top", "rope_parameters"])
def test_rope_theta_is_read_where_either_library_writes_it(place: str) -> None:
    raw = json.loads((TINY15 / "base" / "text_encoder" / "config.json").read_text()) | {"rope_theta": None}
    raw |= {"rope_theta": 5e5} if place == "top" else {"rope_parameters": {"rope_theta": 5e5}}
    assert TextEncoderConfig.read(raw, "config.json").blocks.rope_theta == 5e5


# At real size, on the meta device


def keys_of(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def parts_at(size: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """Our networks' keys and shapes, from the configs that come with the tables."""
    raw = {name: table(name)["config"] for name in ("condition_encoder", "audio_tokenizer", "audio_token_detokenizer")}
    transformer = TransformerConfig.read(table(f"transformer_{size}")["config"], size)
    return {
        "transformer": keys_of(build_empty(lambda: Transformer(transformer))),
        "condition_encoder": keys_of(
            build_empty(lambda: ConditionEncoder(ConditionConfig.read(raw["condition_encoder"], "c")))
        ),
        "audio_tokenizer": keys_of(
            build_empty(lambda: AudioTokenizer(AudioTokensConfig.read(raw["audio_tokenizer"], "t")))
        ),
        "audio_token_detokenizer": keys_of(
            build_empty(lambda: AudioDetokenizer(AudioTokensConfig.read(raw["audio_token_detokenizer"], "d")))
        ),
    }


@pytest.mark.parametrize("size", ("2b", "xl"))
def test_keys_at_real_size_in_diffusers_layout(size: str) -> None:
    for part, ours in parts_at(size).items():
        theirs = shapes(f"transformer_{size}" if part == "transformer" else part)
        theirs.pop("silence_latent", None)
        assert {from_diffusers(key): shape for key, shape in theirs.items()} == ours, part


@pytest.mark.parametrize("size", ("2b", "xl"))
def test_keys_at_real_size_in_the_original_layout(size: str) -> None:
    ours = {(part, key): shape for part, keys in parts_at(size).items() for key, shape in keys.items()}
    assert {original_home(key): shape for key, shape in shapes(f"original_{size}").items()} == ours


@pytest.mark.parametrize("size", ("2b", "xl"))
def test_sizes_without_a_config_are_those_of_the_config(size: str) -> None:
    """ComfyUI's files come without one: shapes tell the same networks."""
    told = comfy_configs(shapes(f"original_{size}"), {}, Path("acestep_v1.5_xl_turbo.safetensors"))["transformer"]
    config = TransformerConfig.read({**table(f"transformer_{size}")["config"], "is_turbo": True}, size)
    assert TransformerConfig.read({**told, "model_version": ""}, "told") == config
    told = {**told, "layer_types": None}
    conditions = ConditionConfig.read(table("condition_encoder")["config"], "c")
    assert ConditionConfig.read(told, "told") == conditions
    assert AudioTokensConfig.read(told, "told") == AudioTokensConfig.read(table("audio_tokenizer")["config"], "t")


def test_autoencoder_and_text_encoder_at_real_size() -> None:
    """The autoencoder's weight norm is folded: one weight where the file has two."""
    config = OobleckConfig.read(table("vae")["config"], "vae")
    theirs = {k.replace("weight_v", "weight"): s for k, s in shapes("vae").items() if not k.endswith("weight_g")}
    assert keys_of(build_empty(lambda: OobleckAutoencoder(config))) == theirs
    text = TextEncoderConfig.read(table("text_encoder")["config"], "text")
    assert keys_of(build_empty(lambda: Qwen3(text))) == shapes("text_encoder")


def test_stable_audio_names_of_every_key() -> None:
    for key in shapes("vae"):
        assert from_stable_audio(stable_audio_key(key)) == key
        assert from_stable_audio(key) == key
