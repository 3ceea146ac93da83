"""Log-mel, vocoder, autoencoder and text encoder against the reference's tensors; tiles against the whole."""

from __future__ import annotations

import json
import math

import pytest
import torch

from engine.checkpoints.keys import TEXT_EMBEDDINGS
from engine.checkpoints.weights import build_empty
from engine.errors import CheckpointError
from engine.networks.autoencoder import (
    MusicAutoencoder,
    build_autoencoder_dc,
    build_vocoder,
    denormalise_mel,
    normalise_mel,
)
from engine.networks.config import VocoderConfig
from engine.networks.dcae import RmsNorm, _EfficientViTBlock
from engine.networks.log_mel import LogMel
from engine.networks.text_encoder import build_umt5
from engine.networks.vocoder import Vocoder, fold_weight_norm, receptive_frames
from tests.golden.read_goldens import synth_audio
from tests.support.networks_material import (
    GOLDEN,
    LIMIT,
    golden,
    real_config,
    real_shapes,
    relative_error,
    resample,
    tiny_networks,
)

ENCODED = ("encode_48k", "encode_441", "encode_22k")


@pytest.fixture(scope="module")
def autoencoder() -> MusicAutoencoder:
    return tiny_networks().autoencoder


def source_of(name: str) -> torch.Tensor:
    """The synthetic audio behind an `encode_*` golden, at 44.1 kHz: (2, 2, n)."""
    about = json.loads((GOLDEN / "dcae.json").read_text())[name]
    audio = [synth_audio(about["seconds"], about["rate"], kind) for kind in about["kinds"]]
    return torch.stack([a if about["rate"] == 44100 else resample(a, about["rate"], 44100) for a in audio])


@pytest.fixture(scope="module")
def computed(autoencoder: MusicAutoencoder) -> dict[str, torch.Tensor]:
    g = golden("dcae")
    out = {name: autoencoder.encode(source_of(name)) for name in ENCODED}
    source = synth_audio(32768 / 44100, 44100, 0)
    out["audio_441_head"] = source[:, :64]
    out["linear_spec"] = autoencoder.vocoder.mel_transform.magnitudes(source[:1, :4096])
    out["logmel"] = autoencoder.vocoder.encode(source)
    out["encoder_raw"] = autoencoder.dcae.encoder(g["mel_in"])
    mel = autoencoder.decode_mel(g["latents"])
    out["decoder_raw_item0"] = normalise_mel(mel)[:1]
    out["vocoder_backbone"] = autoencoder.vocoder.backbone(mel[:1, 0])
    audio = autoencoder.decode(g["latents"])
    out["vocoder_wav_ch0_head"] = audio[:1, 0, :4096]
    out["decode_441_item0_head"], out["decode_441_item0_tail"] = audio[0, :, :4096], audio[0, :, -2048:]
    out["decode_441_item1_head"] = audio[1, :, :2048]
    at_48k = resample(audio[0], 44100, 48000)
    out["decode_48k_item0_head"], out["decode_48k_item0_tail"] = at_48k[:, :4096], at_48k[:, -2048:]
    return out


COMPARED = (
    *ENCODED,
    "audio_441_head",
    "linear_spec",
    "logmel",
    "encoder_raw",
    "decoder_raw_item0",
    "vocoder_backbone",
    "vocoder_wav_ch0_head",
    "decode_441_item0_head",
    "decode_441_item0_tail",
    "decode_441_item1_head",
    "decode_48k_item0_head",
    "decode_48k_item0_tail",
)


@pytest.mark.parametrize("name", COMPARED)
def test_golden(name: str, computed: dict[str, torch.Tensor], record_property: pytest.RecordProperty) -> None:
    error = relative_error(computed[name], golden("dcae")[name])
    record_property("relative_l2", error)
    print(f"autoencoder {name}: {error:.2e}")
    assert error < LIMIT


def test_lengths(autoencoder: MusicAutoencoder) -> None:
    assert autoencoder.encode(torch.zeros(1, 2, 4097)).shape == (1, 8, 16, 2)
    assert autoencoder.decode(torch.zeros(1, 8, 16, 3)).shape == (1, 2, 3 * 4096)
    assert autoencoder.decode_mel(torch.zeros(1, 8, 16, 3)).shape == (1, 2, 128, 24)


@pytest.mark.parametrize("tile_frames", [1, 7, 16, 41, 200])
def test_tiles_equal_the_whole(autoencoder: MusicAutoencoder, tile_frames: int) -> None:
    """Not only away from the borders: the deep levels run whole, the rest overlaps by its receptive field."""
    latents = torch.randn(1, 8, 16, 40, generator=torch.Generator().manual_seed(3))
    whole, tiled = autoencoder.decode(latents), autoencoder.decode(latents, tile_frames)
    assert float((whole - tiled).abs().max()) < 1e-5 * float(whole.abs().max())


@pytest.mark.parametrize("frames", [(0, 3), (11, 12), (17, 30), (25, 30)])
def test_some_frames_of_the_vocoder_equal_those_of_all(autoencoder: MusicAutoencoder, frames: tuple[int, int]) -> None:
    mel = torch.randn(2, 128, 30, generator=torch.Generator().manual_seed(5))
    first, last = frames
    whole, some = autoencoder.vocoder.decode(mel), autoencoder.vocoder.decode(mel, frames)
    assert some.shape == (2, (last - first) * 512)
    assert torch.allclose(some, whole[:, first * 512 : last * 512], atol=1e-5 * float(whole.abs().max()))


@torch.no_grad()
def test_a_norm_in_place_has_the_same_bits() -> None:
    generator = torch.Generator().manual_seed(6)
    norm = RmsNorm(48)
    for values in (norm.weight, norm.bias):
        values.normal_(generator=generator)
    x, made = (torch.randn(1, 16, 150, 48, generator=generator) for _ in range(2))  # of more than one piece
    kept, wanted = x.clone(), x + norm(made)
    assert torch.equal(norm.beside(x, made.transpose(1, 2).contiguous().transpose(1, 2)), wanted)
    got = norm.beside(x, made)
    assert torch.equal(got, wanted) and got is made and torch.equal(x, kept)


@torch.no_grad()
@pytest.mark.parametrize("columns", [1, 4, 13])
def test_large_features_are_mixed_piece_by_piece(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    block = _EfficientViTBlock(32, 16, (5,)).conv_out
    x = torch.randn(1, 16, 13, 32, generator=torch.Generator().manual_seed(7))
    whole = block(x)
    monkeypatch.setattr("engine.networks.dcae.MAPPED_BYTES", 0)
    monkeypatch.setattr("engine.networks.dcae.PIECE_COLUMNS", columns)
    assert torch.allclose(block(x), whole, atol=1e-6)


def test_tiles_can_be_stopped(autoencoder: MusicAutoencoder) -> None:
    seen = []

    def on_tile(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        autoencoder.decode(torch.zeros(1, 8, 16, 9), 3, on_tile)
    assert seen == [(0, 3), (1, 3)]


def test_receptive_field_covers_what_a_change_reaches(autoencoder: MusicAutoencoder) -> None:
    """Change one mel frame; nothing farther than `receptive_frames` may change, and something must."""
    mel = torch.randn(1, 128, 121, generator=torch.Generator().manual_seed(4))
    changed = mel.clone()
    changed[..., 60] += 5
    moved = (autoencoder.vocoder.decode(mel) != autoencoder.vocoder.decode(changed))[0].nonzero()[:, 0]
    reach = autoencoder.vocoder.receptive_frames
    assert (60 - reach) * 512 <= moved.min() < 60 * 512 < moved.max() < (61 + reach) * 512


def test_receptive_field_of_the_released_vocoder_is_at_least_54_frames() -> None:
    assert receptive_frames(VocoderConfig.from_dict(real_config("music_vocoder"))) >= 54


def test_log_mel_tables_equal_the_checkpoints(autoencoder: MusicAutoencoder) -> None:
    """So a checkpoint that leaves them out loses nothing."""
    stored, made = autoencoder.vocoder.mel_transform.state_dict(), LogMel().state_dict()
    for key, value in made.items():
        assert relative_error(value, stored[key]) < 1e-5, key


def test_log_mel_of_a_tone_peaks_where_the_tone_is() -> None:
    times = torch.arange(44100) / 44100
    mel = LogMel()(0.5 * torch.sin(2 * math.pi * 440 * times)[None, : 80 * 512])
    mels = torch.linspace(40 * 3 / 200, 15 + 27 * math.log(16) / math.log(6.4), 130)[1:-1]
    nearest = int((mels - 440 * 3 / 200).abs().argmin())
    assert int(mel[0, :, 40].argmax()) == nearest


def test_mel_range_round_trip() -> None:
    mel = torch.linspace(-20, 8, 50)
    assert torch.allclose(denormalise_mel(normalise_mel(mel)), mel, atol=1e-4)
    assert torch.allclose(normalise_mel(torch.tensor([-11.0, 3.0])), torch.tensor([-1.0, 1.0]))


@pytest.mark.parametrize("transposed", [False, True])
def test_weight_norm_is_folded_as_torch_computes_it(transposed: bool) -> None:
    torch.manual_seed(0)
    conv = torch.nn.ConvTranspose1d(4, 3, 5) if transposed else torch.nn.Conv1d(4, 3, 5)
    normed = torch.nn.utils.parametrizations.weight_norm(conv)
    with torch.no_grad():
        normed.parametrizations.weight.original0.mul_(1.7)
    new_style = {f"up.{k}": v for k, v in normed.state_dict().items()}
    old_style = {
        "up.weight_g": normed.parametrizations.weight.original0,
        "up.weight_v": normed.parametrizations.weight.original1,
        "up.bias": normed.bias,
    }
    for state in (new_style, old_style):
        folded = fold_weight_norm(state)
        assert set(folded) == {"up.weight", "up.bias"}
        assert relative_error(folded["up.weight"], normed.weight) < 1e-6


def test_keys_and_shapes_at_real_size() -> None:
    vocoder = build_empty(lambda: Vocoder(VocoderConfig.from_dict(real_config("music_vocoder"))))
    released = {k: torch.empty(shape, device="meta") for k, shape in real_shapes("vocoder").items()}
    assert len(released) == 713
    folded = {k: tuple(v.shape) for k, v in fold_weight_norm(released).items()}
    assert {k: tuple(v.shape) for k, v in vocoder.state_dict().items()} == folded
    dcae = build_empty(lambda: build_autoencoder_dc(real_config("music_dcae_f8c8")))
    assert {k: tuple(v.shape) for k, v in dcae.state_dict().items()} == real_shapes("dcae")
    umt5 = build_empty(lambda: build_umt5(real_config("umt5-base")))
    assert {k: tuple(v.shape) for k, v in umt5.state_dict().items()} == real_shapes("umt5")
    assert all(name in real_shapes("umt5") for name in TEXT_EMBEDDINGS)


def test_an_unknown_vocoder_is_named() -> None:
    with pytest.raises(CheckpointError, match="BigVGAN"):
        build_vocoder({"_class_name": "BigVGAN"})


class TestTextEncoder:
    PROMPT = "pop, piano, 120 bpm"

    def test_golden(self, record_property: pytest.RecordProperty) -> None:
        encoder, g = tiny_networks().text_encoder, golden("transformer")
        got = {
            "umt5.hidden": encoder.encode_ids(g["umt5.ids"], g["umt5.mask"]),
            "umt5.get_text_embeddings": encoder.encode(self.PROMPT)[0],
            "umt5.get_text_embeddings_null": encoder.encode(self.PROMPT, 0.01)[0],
        }
        for name, value in got.items():
            error = relative_error(value, g[name])
            record_property(name, error)
            print(f"text encoder {name}: {error:.2e}")
            assert error < LIMIT

    def test_ids(self) -> None:
        encoder, g = tiny_networks().text_encoder, golden("transformer")
        assert encoder.token_ids(self.PROMPT) == g["umt5.ids"][0].tolist()
        assert encoder.token_ids("ab" * 300) == g["umt5.truncated_ids"][0].tolist()

    def test_weakened_queries_leave_no_trace(self) -> None:
        encoder = tiny_networks().text_encoder
        before, _ = encoder.encode(self.PROMPT)
        weak, _ = encoder.encode(self.PROMPT, 0.01)
        after, _ = encoder.encode(self.PROMPT)
        assert torch.equal(before, after) and not torch.equal(before, weak)
