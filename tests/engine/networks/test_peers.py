"""Our autoencoder and text encoder beside those of diffusers and transformers, with the same random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import CheckpointError
from engine.networks.dcae import AutoencoderDC, DcaeConfig
from engine.networks.products import Linear, linear
from engine.networks.umt5 import Umt5Config, Umt5Encoder
from tests.support.networks_material import TINY, relative_error
from tests.support.paths import NANO

ROUNDING = 1e-5


def config(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name / "config.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", [NANO, TINY], ids=["nano", "tiny"])
@torch.inference_mode()
def test_autoencoder_equals_that_of_diffusers(folder: Path) -> None:
    """nano's has no blocks in its outermost level and turns channels into pixels; the release's interpolates."""
    from diffusers import AutoencoderDC as Peer

    raw = config(folder, "music_dcae_f8c8")
    peer, own = Peer.from_config(dict(raw)).eval(), AutoencoderDC(DcaeConfig.from_dict(raw)).eval()
    own.load_state_dict(peer.state_dict(), strict=True)
    mel, latents = torch.randn(2, 2, 128, 72), torch.randn(2, 8, 16, 9)
    assert relative_error(own.encoder(mel), peer.encoder(mel)) < ROUNDING
    assert relative_error(own.decoder(latents), peer.decoder(latents)) < ROUNDING


@torch.inference_mode()
def test_text_encoder_equals_that_of_transformers() -> None:
    from transformers import UMT5Config, UMT5EncoderModel

    raw = config(TINY, "umt5-base")
    peer, own = UMT5EncoderModel(UMT5Config.from_dict(dict(raw))).eval(), Umt5Encoder(Umt5Config.from_dict(raw)).eval()
    own.load_state_dict(peer.state_dict(), strict=True)
    ids = torch.randint(0, raw["vocab_size"], (2, 200))  # past the farthest exact distance, and past the last bucket
    mask = torch.ones_like(ids)
    mask[1, 150:] = 0
    wanted, got = peer(input_ids=ids, attention_mask=mask).last_hidden_state, own(ids, mask)
    assert relative_error(got[0], wanted[0]) < ROUNDING
    assert relative_error(got[1, :150], wanted[1, :150]) < ROUNDING


def test_configs_of_other_architectures_are_refused_by_name() -> None:
    with pytest.raises(CheckpointError, match="decoder_norm_types 'batch_norm'"):
        DcaeConfig.from_dict({**config(TINY, "music_dcae_f8c8"), "decoder_norm_types": "batch_norm"})
    with pytest.raises(CheckpointError, match="gated-gelu"):
        Umt5Config.from_dict({**config(TINY, "umt5-base"), "feed_forward_proj": "relu"})


class TestProducts:
    @torch.inference_mode()
    def test_both_ways_give_the_same_numbers(self) -> None:
        for shape in ((3, 40, 24), (40, 24), (1, 1, 24), (2, 24)):
            x, layer = torch.randn(shape), Linear(24, 56)
            wanted = torch.nn.functional.linear(x.double(), layer.weight.double(), layer.bias.double())
            assert relative_error(layer(x), wanted) < 1e-6
            wanted = torch.nn.functional.linear(x.double(), layer.weight.double())
            assert relative_error(linear(x, layer.weight), wanted) < 1e-6

    def test_training_keeps_its_gradients(self) -> None:
        x, layer = torch.randn(40, 24), Linear(24, 56)
        layer(x).square().sum().backward()
        assert layer.weight.grad is not None and float(layer.weight.grad.abs().sum()) > 0

    @torch.inference_mode()
    def test_a_weight_that_lies_otherwise_in_memory(self) -> None:
        x, weight = torch.randn(40, 24), torch.randn(24, 56).T
        assert relative_error(linear(x, weight), x.double() @ weight.double().T) < 1e-6
