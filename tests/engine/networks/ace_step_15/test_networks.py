"""ACE-Step 1.5's networks beside plain arithmetic and beside diffusers' and transformers' at other sizes."""

from __future__ import annotations

import copy
import json
import warnings
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.networks.ace_step_15.attention import Attention, attend_in_band, band_of, rotate, rotation_of
from engine.networks.ace_step_15.config import BlocksConfig, OobleckConfig, TextEncoderConfig
from engine.networks.ace_step_15.oobleck import (
    OobleckAutoencoder,
    decode_overlap,
    encode_overlap,
    fold_weight_norm,
)
from engine.networks.ace_step_15.text_encoder import Qwen3
from engine.networks.ace_step_15.transformer import Crossed, Transformer
from tests.support.golden15_runs import OURS, networks
from tests.support.networks_material import relative_error

ROUNDING = 1e-5
RELEASED_STRIDES = (2, 4, 4, 6, 10)


def plain_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """The definition: every key head repeated, one mask of all positions by all."""
    groups = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(groups, dim=1) for x in (k, v))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    places = torch.arange(q.shape[2])
    far = (places[:, None] - places).abs() > window
    return scores.masked_fill(far, float("-inf")).softmax(dim=-1) @ v


@pytest.mark.parametrize("length", [1, 4, 5, 6, 12, 13, 16, 17, 31, 40])
def test_banded_attention_equals_its_definition(length: int) -> None:
    """Lengths under a window, of one block, of whole blocks, and one over."""
    q, k, v = torch.randn(2, 6, length, 8), torch.randn(2, 2, length, 8), torch.randn(2, 2, length, 8)
    band = band_of(length, 4, torch.device("cpu"))
    got = plain_attention(q, k, v, length) if band is None else attend_in_band(q, k, v, band)
    assert relative_error(got, plain_attention(q, k, v, 4)) < ROUNDING


def test_a_band_never_makes_a_mask_of_all_positions_by_all() -> None:
    """10 minutes: 7,500 positions would be 56 million; the blocks of one window see three."""
    band = band_of(7500, 128, torch.device("cpu"))
    assert band is not None and band.shape == (59, 1, 128, 384)


def test_rotation_turns_the_first_half_with_the_second() -> None:
    """By what rotations are: queries and keys that are equally far apart give the same product."""
    rotation = rotation_of(20, 8, 1e6, torch.device("cpu"))
    q, k = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)
    turned_q, turned_k = (rotate(x.expand(1, 20, 1, 8), rotation) for x in (q, k))
    products = [float((turned_q[0, n] * turned_k[0, n + 3]).sum()) for n in range(17)]
    assert max(products) - min(products) < 1e-5
    assert torch.equal(turned_q[0, 0], q[0, 0])
    complex_turn = torch.view_as_complex(torch.stack([q[0, 0, 0, :4], q[0, 0, 0, 4:]], dim=-1)) * torch.exp(
        1j * 7.0 * 1e6 ** (-torch.arange(4) / 4.0)
    )
    expected = torch.cat([complex_turn.real, complex_turn.imag])
    torch.testing.assert_close(turned_q[0, 7, 0], expected.float(), atol=1e-5, rtol=1e-4)


def test_a_context_of_one_position_gives_every_frame_the_same() -> None:
    """What the unconditional pass gets is made once a render, and equals that of many equal positions."""
    config = BlocksConfig(16, 32, 4, 2, 4, (None,))
    attention, frames, one = Attention(config), torch.randn(1, 5, 16), torch.randn(1, 1, 16)
    many = attention.prepare(one.expand(1, 9, 16))
    q = attention.queries(frames).transpose(1, 2)
    k, v = (x.repeat_interleave(2, dim=1) for x in many)
    expected = attention.join((q @ k.transpose(-1, -2) / 2).softmax(dim=-1) @ v)
    assert relative_error(attention.constant(attention.prepare(one)).expand(1, 5, 16), expected) < ROUNDING


@torch.inference_mode()
def test_a_null_context_of_one_position_equals_one_of_many() -> None:
    model = networks("base")
    null, state = model.conditions.null(), torch.randn(1, model.config.latent_channels, 1, 30)
    known = torch.randn(1, 2 * model.config.latent_channels, 1, 30)
    time = model.transformer.time_steps(torch.tensor([700.0]))
    made: list[Tensor] = []
    for context in (null, null.expand(1, 40, -1)):
        prepared = model.transformer.prepare([context])
        made.append(model.transformer.evaluate(state, time, replace(prepared, known=known)))
        parts: tuple[Crossed, ...] = prepared.contexts[0]
        assert isinstance(parts[0], Tensor) == (context.shape[1] == 1)
    assert relative_error(made[0], made[1]) < ROUNDING


@torch.inference_mode()
def test_cancelling_between_blocks() -> None:
    model = networks("turbo").transformer
    channels, calls = model.config.latent_channels, []
    prepared = replace(
        model.prepare([torch.randn(1, 3, model.config.context_size)]), known=torch.zeros(1, 2 * channels, 1, 8)
    )
    time = model.time_steps(torch.tensor([500.0]))
    model.evaluate(torch.randn(1, channels, 1, 8), time, prepared, between=lambda: calls.append(1))
    assert len(calls) == len(model.layers)


class TestBfloat16:
    """Weights in bf16: tables, times and latents stay float32."""

    @torch.inference_mode()
    def test_velocity_comes_in_the_states_precision(self) -> None:
        from engine.checkpoints.ace_step_15.load import load_networks

        rounded, exact = load_networks(OURS / "tiny_checkpoint" / "base", dtype=torch.bfloat16), networks("base")
        assert rounded.silence.dtype == torch.float32
        assert rounded.autoencoder.encoder.conv1.weight.dtype == torch.float32
        state, known = torch.randn(1, 8, 1, 40), torch.randn(1, 16, 1, 40)
        context, made = torch.randn(1, 7, 64), []
        for model in (rounded, exact):
            prepared = replace(model.transformer.prepare([context]), known=known)
            made.append(
                model.transformer.evaluate(state, model.transformer.time_steps(torch.tensor([300.0])), prepared)
            )
        assert made[0].dtype == torch.float32
        assert relative_error(made[0], made[1]) < 0.05

    def test_rotation_tables_are_float32(self) -> None:
        rotation = rotation_of(4000, 16, 1e6, torch.device("cpu"))
        assert rotation.cos.dtype == torch.float32


class TestAutoencoder:
    def tiny(self) -> OobleckAutoencoder:
        return networks("base").autoencoder

    def test_overlaps_at_the_released_strides(self) -> None:
        assert (decode_overlap(RELEASED_STRIDES), encode_overlap(RELEASED_STRIDES)) == (9, 7)

    @torch.inference_mode()
    def test_what_a_frame_reaches_is_within_the_overlap_and_no_less(self) -> None:
        """Measured with an impulse in float64: 9 latent frames each side of a decoded one, 7 of audio to encode."""
        model = copy.deepcopy(self.tiny()).double()
        latents = torch.randn(1, 8, 1, 30, dtype=torch.float64)
        moved = latents.clone()
        moved[..., 15] += 1
        changed = (model.decoder(latents[:, :, 0]) - model.decoder(moved[:, :, 0])).abs().amax(dim=(0, 1)).nonzero()
        assert 15 - 9 <= int(changed.min()) / 1920 < 15 - 8 and 15 + 9 <= int(changed.max()) / 1920 < 15 + 10
        audio = torch.randn(1, 2, 30 * 1920, dtype=torch.float64)
        whole = model.encoder(audio)[..., 15]
        for frames, reaches in ((6, True), (7, False)):
            for cut in (slice(0, (15 - frames) * 1920), slice((16 + frames) * 1920, None)):
                other = audio.clone()
                other[..., cut] = 0
                assert bool((model.encoder(other)[..., 15] != whole).any()) == reaches

    @pytest.mark.parametrize("tile", [5, 16, 30])
    @torch.inference_mode()
    def test_tiles_equal_the_whole(self, tile: int) -> None:
        latents, audio = torch.randn(2, 8, 1, 29), torch.randn(1, 2, 29 * 1920 - 700)
        model = self.tiny()
        assert relative_error(model.decode(latents, tile), model.decode(latents)) < 1e-6
        assert relative_error(model.encode(audio, tile), model.encode(audio)) < 3e-6
        told: list[tuple[int, int]] = []
        part = model.decode(latents, tile, lambda done, tiles: told.append((done, tiles)), (11, 20))
        assert relative_error(part, model.decode(latents)[..., 11 * 1920 : 20 * 1920]) < 1e-6
        assert told == [(n, -(-9 // tile)) for n in range(-(-9 // tile))]

    @torch.inference_mode()
    def test_a_smaller_overlap_would_not_do(self) -> None:
        model = self.tiny()
        latents = torch.randn(1, 8, 40)
        whole, part = model.decoder(latents), model.decoder(latents[..., 12:40])
        nine, eight = 21 * 1920, 20 * 1920  # a tile from frame 12 on is right from frame 12 + 9 on
        torch.testing.assert_close(part[..., nine - 12 * 1920 :], whole[..., nine:], atol=1e-6, rtol=1e-5)
        assert float((part[..., eight - 12 * 1920 :] - whole[..., eight:]).abs().max()) > 0

    @torch.inference_mode()
    def test_lengths(self) -> None:
        model = self.tiny()
        assert model.decode(torch.randn(1, 8, 1, 3)).shape == (1, 2, 3 * 1920)
        assert model.encode(torch.randn(1, 2, 1921)).shape == (1, 8, 1, 2)
        assert model.posterior(torch.randn(1, 2, 2 * 1920 + 1919))[0].shape == (1, 8, 2)
        assert torch.equal(model.encode(torch.ones(1, 2, 4000)), model.encode(torch.ones(1, 2, 4000)))

    @torch.inference_mode()
    def test_equals_that_of_diffusers_at_other_sizes(self) -> None:
        from diffusers import AutoencoderOobleck

        raw = {
            "encoder_hidden_size": 8,
            "downsampling_ratios": [3, 2, 5],
            "channel_multiples": [1, 3, 2],
            "decoder_channels": 6,
            "decoder_input_channels": 4,
            "audio_channels": 2,
            "sampling_rate": 48000,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's, of the weight norm that diffusers uses
            peer = AutoencoderOobleck(**raw).eval()
        for name, value in peer.named_parameters():
            if name.endswith(("alpha", "beta")):
                value.normal_(std=0.3)
        own = OobleckAutoencoder(OobleckConfig.read(raw, "vae")).eval()
        own.load_state_dict(fold_weight_norm(peer.state_dict()))
        audio, latents = torch.randn(1, 2, 300), torch.randn(1, 4, 1, 12)
        assert relative_error(own.posterior(audio)[0], peer.encode(audio).latent_dist.mean) < ROUNDING
        assert relative_error(own.decode(latents), peer.decode(latents[:, :, 0]).sample) < ROUNDING
        reach = own.decode_overlap
        assert relative_error(own.decode(latents, 1), own.decode(latents)) < 1e-6 and reach >= 1


@torch.inference_mode()
def test_text_encoder_equals_that_of_transformers_at_other_sizes() -> None:
    from transformers import Qwen3Config, Qwen3Model

    raw = json.loads((OURS / "tiny_checkpoint" / "base" / "text_encoder" / "config.json").read_text())
    raw |= {
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "head_dim": 8,
        "hidden_size": 24,
        "num_hidden_layers": 2,
    }
    raw |= {"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2}
    peer = Qwen3Model(Qwen3Config(**raw)).eval()
    own = Qwen3(TextEncoderConfig.read(raw, "text")).eval()
    own.load_state_dict(peer.state_dict())
    ids = torch.randint(0, raw["vocab_size"], (2, 50))
    assert relative_error(own(ids), peer(ids).last_hidden_state) < ROUNDING


@torch.inference_mode()
def test_transformer_equals_that_of_diffusers_at_other_sizes() -> None:
    """Three kv heads for six, a window of 5 over 33 tokens, a context of another width, other layer types."""
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformer1DModel

    from engine.checkpoints.ace_step_15.keys import from_diffusers
    from engine.networks.ace_step_15.config import TransformerConfig

    raw = json.loads((OURS / "tiny_checkpoint" / "turbo" / "transformer" / "config.json").read_text())
    raw |= {"num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 8, "hidden_size": 40, "sliding_window": 5}
    raw |= {"num_hidden_layers": 3, "layer_types": ["full_attention", "sliding_attention", "sliding_attention"]}
    raw |= {"encoder_hidden_size": 24}
    peer = AceStepTransformer1DModel.from_config(dict(raw)).eval()
    for value in peer.parameters():
        value.normal_(std=0.2)
    own = Transformer(TransformerConfig.read(raw, "t")).eval()
    own.load_state_dict({from_diffusers(key): value for key, value in peer.state_dict().items()})
    hidden, context, cond = torch.randn(1, 65, 8), torch.randn(1, 65, 16), torch.randn(1, 11, 24)
    time = torch.tensor([0.4])
    expected = peer(
        hidden_states=hidden, timestep=time, timestep_r=time, encoder_hidden_states=cond, context_latents=context
    )[0]
    prepared = replace(own.prepare([cond]), known=context.transpose(1, 2)[:, :, None])
    got = own.evaluate(hidden.transpose(1, 2)[:, :, None], own.time_steps(1000 * time), prepared)
    assert relative_error(got[:, :, 0].transpose(1, 2), expected) < ROUNDING


def test_sliding_layers_see_as_far_as_the_config_says() -> None:
    """Both sides, inclusive; a model told not to slide sees all."""
    raw = json.loads((OURS / "tiny_checkpoint" / "base" / "transformer" / "config.json").read_text())
    assert BlocksConfig.read(raw, "c", 4).windows == (8, None, 8, None)
    assert BlocksConfig.read({**raw, "layer_types": None}, "c", 3).windows == (8, None, 8)
    assert BlocksConfig.read({**raw, "use_sliding_window": False}, "c", 4).windows == (None,) * 4
    mask = band_of(30, 8, torch.device("cpu"))
    assert mask is not None and F.pad(mask, (0, 0)).shape == (4, 1, 8, 24)
    assert int(mask[1, 0, 0].sum()) == 17 and int(mask[0, 0, 0].sum()) == 9
