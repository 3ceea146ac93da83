"""ComfyUI's single-file layout, made from the tiny checkpoint, gives the same networks as the folder."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from engine.checkpoints.load import load_networks
from engine.checkpoints.networks import PARTS, Target
from engine.checkpoints.sentencepiece import tokenizer_from_sentencepiece
from engine.checkpoints.single_file import load_single_file, released_configs
from engine.errors import CheckpointError
from engine.networks.vocoder import fold_weight_norm
from tests.support.networks_material import TINY, golden, tiny_networks

TARGET = Target(torch.device("cpu"), torch.float32)
PIECES = [
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁pop", -2.0),
    ("▁", -3.0),
    ("p", -4.0),
    ("o", -4.5),
    ("▁po", -3.5),
]


def field(number: int, value: bytes | int | float) -> bytes:
    """One protocol buffer field."""
    if isinstance(value, float):
        return bytes([number << 3 | 5]) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def sentencepiece_model() -> bytes:
    pieces = b"".join(field(1, field(1, text.encode()) + field(2, score)) for text, score in PIECES)
    return pieces + field(2, field(3, 1) + field(40, 2)) + field(3, field(3, 1) + field(4, 1))


def single_file_state(folded: bool = False) -> dict[str, torch.Tensor]:
    parts = {
        "model.diffusion_model.": load_file(TINY / "ace_step_transformer" / "diffusion_pytorch_model.safetensors"),
        "vae.dcae.": load_file(TINY / "music_dcae_f8c8" / "diffusion_pytorch_model.safetensors"),
        "vae.vocoder.": load_file(TINY / "music_vocoder" / "diffusion_pytorch_model.safetensors"),
        "text_encoders.umt5base.transformer.": load_file(TINY / "umt5-base" / "model.safetensors"),
    }
    if folded:
        vocoder = fold_weight_norm(parts["vae.vocoder."])
        parts["vae.vocoder."] = {k: v for k, v in vocoder.items() if not k.startswith("mel_transform.")}
    state = {prefix + key: value for prefix, part in parts.items() for key, value in part.items()}
    state["text_encoders.umt5base.logit_scale"] = torch.tensor(4.6)
    state["text_encoders.spiece_model"] = torch.frombuffer(bytearray(sentencepiece_model()), dtype=torch.uint8)
    return state


def tiny_configs() -> dict[str, object]:
    return {name: json.loads((TINY / name / "config.json").read_text()) for name in PARTS}


@pytest.mark.parametrize("folded", [False, True], ids=["as released", "weight norm folded, no mel tables"])
def test_equals_the_folder(tmp_path: Path, folded: bool) -> None:
    path = tmp_path / "ace_step_v1_3.5b.safetensors"
    save_file(single_file_state(folded), path)
    got, wanted = load_single_file(path, TARGET, tiny_configs()), tiny_networks()
    for name, tensor in wanted.transformer.state_dict().items():
        assert torch.equal(got.transformer.state_dict()[name], tensor), name
    latents, audio = golden("dcae")["latents"], torch.rand(1, 2, 8192) - 0.5
    assert torch.allclose(got.autoencoder.decode(latents), wanted.autoencoder.decode(latents), atol=1e-5)
    assert torch.allclose(got.autoencoder.encode(audio), wanted.autoencoder.encode(audio), atol=1e-3)
    g = golden("transformer")
    states = [n.text_encoder.encode_ids(g["umt5.ids"], g["umt5.mask"]) for n in (got, wanted)]
    assert torch.equal(*states)


def test_the_tokenizer_in_the_file_is_used(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    save_file(single_file_state(), path)
    networks = load_single_file(path, TARGET, tiny_configs())
    assert networks.text_encoder.token_ids("pop  pp") == [3, 4, 5, 5, 1]


def test_a_tokenizer_beside_the_file_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    save_file(single_file_state(), path)
    shutil.copy(TINY / "umt5-base" / "tokenizer.json", tmp_path)
    prompt = "pop, piano"
    got = load_single_file(path, TARGET, tiny_configs()).text_encoder.token_ids(prompt)
    assert got == tiny_networks().text_encoder.token_ids(prompt)


def test_no_tokenizer_at_all_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    state = single_file_state()
    del state["text_encoders.spiece_model"]
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"holds no text tokenizer.*tokenizer\.json"):
        load_single_file(path, TARGET, tiny_configs())


@pytest.mark.parametrize(
    ("key", "named"),
    [("vae.stray.weight", "vae.stray.weight"), ("model.diffusion_model.stray", "unknown weights stray")],
)
def test_unknown_weights_are_named(tmp_path: Path, key: str, named: str) -> None:
    path = tmp_path / "one.safetensors"
    save_file(single_file_state() | {key: torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=named):
        load_single_file(path, TARGET, tiny_configs())


def test_a_file_of_another_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"model.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"model\.weight.*ComfyUI"):
        load_networks(path)


def test_without_config_the_released_sizes_hold(tmp_path: Path) -> None:
    assert released_configs()["ace_step_transformer"]["inner_dim"] == 2560
    path = tmp_path / "one.safetensors"
    save_file(single_file_state(), path)
    with pytest.raises(CheckpointError, match=r"transformer_blocks\.20"):
        load_networks(path)


def test_sentencepiece_equals_the_same_model_made_by_hand() -> None:
    """The peer: tokenizers' own Unigram, normaliser and pre-tokenizer put together as T5's fast tokenizer is."""
    peer = Tokenizer(models.Unigram(PIECES, 2, False))
    peer.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Replace("  ", " ")])
    peer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always")
    peer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    ours = tokenizer_from_sentencepiece(sentencepiece_model(), "test")
    for text in ("pop", "po p", " pop  pop ", "", "pöp", "popopop"):
        assert ours.encode(text).ids == peer.encode(text).ids, text


@pytest.mark.parametrize("data", [b"", b"\xff\xff\xff", b"\x0a\x05abc", b"<html>not found</html>"])
def test_bytes_that_are_no_model_are_named(data: bytes) -> None:
    with pytest.raises(CheckpointError, match="here"):
        tokenizer_from_sentencepiece(data, "here")
