"""The vocoder without weights: tones keep their pitch, silence stays silent, nothing is random."""

from __future__ import annotations

import pytest
import torch

from engine.errors import CheckpointError
from engine.networks import griffin_lim as griffin_lim_module
from engine.networks.griffin_lim import griffin_lim
from engine.networks.log_mel import LogMel, slaney_filterbank
from engine.networks.mel_inversion import MelInversion
from engine.networks.partials import Partials, PartialsConfig, cell_shares, likeliest_places
from engine.networks.spectral_inversion import SpectralInversionVocoder, soft_limited, without_offset
from engine.training.evaluation.reconstruction import pitch_error
from engine.training.music.arrange import make_score
from engine.training.music.synthesis import render

RATE = 44100


@pytest.fixture(scope="module")
def vocoder() -> SpectralInversionVocoder:
    return SpectralInversionVocoder({"_class_name": "SpectralInversionVocoder"})


@pytest.mark.parametrize("hertz", [110.0, 220.0, 440.0, 659.26, 880.0, 1318.5])
def test_steady_tones_stay_within_ten_cents(vocoder: SpectralInversionVocoder, hertz: float) -> None:
    """A small HiFi-GAN locked tones to multiples of 86.13 Hz: 440 Hz came out 38 cents flat."""
    t = torch.arange(512 * 170) / RATE
    back = vocoder.decode(vocoder.encode(0.3 * torch.sin(2 * torch.pi * hertz * t)[None]))[0]
    assert back.shape == t.shape
    assert abs(pitch_error(back[8192:-8192].numpy(), hertz, RATE)) < 10.0
    assert 0.2 < float(back[8192:-8192].abs().max()) < 0.6


def test_music_comes_back_within_two_decibels(vocoder: SpectralInversionVocoder) -> None:
    audio = torch.from_numpy(render(make_score(5, 3.0), 5, 512 * 256).audio)
    mel = vocoder.encode(audio)
    error = (vocoder.encode(vocoder.decode(mel)) - mel).abs().mean() * 20 / torch.log(torch.tensor(10.0))
    assert float(error) < 2.0


def test_silence_is_exactly_silent(vocoder: SpectralInversionVocoder) -> None:
    assert float(vocoder.decode(vocoder.encode(torch.zeros(2, 512 * 20))).abs().max()) == 0.0


def test_a_pause_inside_music_is_quiet(vocoder: SpectralInversionVocoder) -> None:
    t = torch.arange(512 * 120) / RATE
    audio = 0.3 * torch.sin(2 * torch.pi * 330 * t)
    audio[512 * 40 : 512 * 80] = 0.0
    back = vocoder.decode(vocoder.encode(audio[None]))[0]
    assert float(back[512 * 48 : 512 * 72].abs().max()) < 1e-3


def test_same_in_same_out_and_the_released_log_mel(vocoder: SpectralInversionVocoder) -> None:
    audio = torch.from_numpy(render(make_score(6, 1.0), 6, 512 * 64).audio)
    mel = vocoder.encode(audio)
    assert torch.equal(mel, LogMel()(audio))
    assert torch.equal(vocoder.decode(mel), vocoder.decode(mel))


def test_batch_rows_are_independent(vocoder: SpectralInversionVocoder) -> None:
    mel = vocoder.encode(torch.from_numpy(render(make_score(7, 1.0), 7, 512 * 64).audio))
    assert torch.allclose(vocoder.decode(mel)[1], vocoder.decode(mel[1:])[0], atol=1e-4)


def test_what_is_limited_has_no_offset(vocoder: SpectralInversionVocoder) -> None:
    """A limiter bends lopsided waves to one side."""
    t = torch.arange(512 * 120) / RATE
    lopsided = 0.3 * sum(torch.cos(2 * torch.pi * 110 * k * t) / k for k in (1, 2, 3, 4))
    loud = vocoder.decode(vocoder.encode(lopsided[None]) + 2.0)[0]
    assert float(soft_limited(lopsided * 7.0).mean().abs()) > 0.01
    assert float(loud.abs().max()) > 0.9 and float(loud[4096:-4096].mean().abs()) < 1e-3


def test_an_offset_goes_and_tones_stay() -> None:
    t = torch.arange(44100) / RATE
    tone = 0.5 * torch.sin(2 * torch.pi * 60.0 * t)
    assert float((without_offset(tone[None] + 0.25, 2048)[0, 4096:-4096] - tone[4096:-4096]).abs().max()) < 0.05


def test_partials_set_pitch_and_level_of_low_bins_only() -> None:
    """A network that says "these bins turn at bin 20.5" makes that tone of a mel that holds another one."""
    vocoder = SpectralInversionVocoder({"partials": {"bins": 40, "channels": 4, "dilations": [1, 2], "mixed": [2, 8]}})
    assert vocoder.partials is not None and vocoder.receptive_frames == 22

    def forward(log: torch.Tensor, mel: torch.Tensor, every: int) -> tuple[torch.Tensor, torch.Tensor]:
        assert log.shape == mel.shape and log.shape[:2] == (1, 40) and every == 1
        return log, cell_shares((20.5 - torch.arange(40.0))[None, :, None].expand_as(log), 1.0).log()

    vocoder.partials.forward = forward  # type: ignore[method-assign]
    t = torch.arange(512 * 200) / RATE
    mel = vocoder.encode(0.3 * torch.sin(2 * torch.pi * 20.0 * RATE / 2048 * t)[None])
    made = vocoder.decode(mel)[0, 8192:-8192].numpy()
    assert abs(pitch_error(made, 20.5 * RATE / 2048, RATE)) < 3.0
    assert float(vocoder.decode(vocoder.encode(torch.zeros(1, 512 * 20))).abs().max()) == 0.0


def test_every_second_frame_of_the_network_is_as_if_all_were_made() -> None:
    """Between them a magnitude takes the smaller correction: interpolated ones smeared attacks by half a dB."""
    torch.manual_seed(0)
    network = Partials(PartialsConfig.from_dict({"bins": 20, "channels": 4, "dilations": [1, 2, 4], "mixed": [2, 8]}))
    torch.nn.init.normal_(network.leave.weight)
    for frames in (1, 2, 9, 30):
        log, mel = torch.randn(2, 2, 20, frames)
        with torch.no_grad():
            all_log, all_cells = network(log, mel)
            for every in (2, 4):
                some_log, cells = network(log, mel, every)
                assert torch.allclose(cells, all_cells[..., ::every], atol=1e-5)
                assert torch.allclose(some_log[..., ::every], all_log[..., ::every], atol=1e-5)
                whole = frames // every * every
                changes, between = ((x - log).abs()[..., :whole] for x in (all_log, some_log))
                assert bool((between <= changes[..., ::every].repeat_interleave(every, dim=-1) + 1e-5).all())
                assert likeliest_places(cells, some_log, every).shape == log.shape


def test_blocks_of_frames_give_what_all_frames_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    magnitudes, phases = torch.rand(2, 2, 37, 60)
    made = []
    for block in (1, 16, 64):
        monkeypatch.setattr(griffin_lim_module, "BLOCK_FRAMES", block)
        gains = MelInversion(torch.eye(60), 1).gains
        made.append(griffin_lim(magnitudes, 6 * phases, torch.hann_window(128), 32, 5, 0.7, gains))
    assert made[0].shape == (2, 37 * 32 + 96)
    assert torch.allclose(made[0], made[2], atol=1e-5) and torch.allclose(made[1], made[2], atol=1e-5)


def test_products_in_blocks_and_relaxed_steps_find_the_least_squares_of_the_whole_filterbank() -> None:
    bank = slaney_filterbank(RATE, 2048, 128, 40.0, 16000.0)[:744]
    mel = torch.rand(300, 744) @ bank
    plain = (mel / bank.square().sum(dim=0)) @ bank.T
    for _ in range(24):
        plain = plain * (mel @ bank.T) / (plain @ bank @ bank.T).clamp(min=1e-9)
    errors = [((made @ bank).log() - mel.log()).abs().mean() for made in (MelInversion(bank, 24)(mel), plain)]
    assert float(errors[0]) < 1.1 * float(errors[1])
    assert bool((MelInversion(bank, 24)(torch.zeros(1, 128)) == 0.0).all())


def test_the_likelier_of_two_places_is_taken_not_their_mean() -> None:
    places = torch.tensor([-1.99, -0.4, 0.0, 0.731, 1.99]).view(1, 1, 5)
    for place in places.flatten():
        alone = place.view(1, 1, 1).expand(1, 1, 600)
        shares = cell_shares(alone, 1.0)
        assert torch.allclose(shares.sum(dim=1), torch.ones(1, 1, 600))
        assert torch.allclose(likeliest_places(shares.log(), torch.zeros(1, 1, 600)), alone, atol=1e-3)
        both = 0.55 * shares + 0.45 * cell_shares(alone + 0.8, 1.0)
        assert torch.allclose(likeliest_places(both.log(), torch.zeros(1, 1, 600)), alone, atol=1e-3)


def test_bins_and_frames_agree_on_a_partial_by_their_magnitudes() -> None:
    """Three bins and a lasting tone at bin 10.3: the weak bin's choice, and one frame's, do not count."""
    bins = torch.arange(9.0, 12.0)
    places = (10.3 - bins)[None, :, None].repeat(1, 1, 9)
    places[0, 2] -= 0.4
    places[0, :, 4] += 0.4
    found = likeliest_places(
        cell_shares(places, 1.0).log(), torch.tensor([0.0, 0.0, -6.0])[None, :, None].expand(1, 3, 9)
    )
    assert float((found + bins[None, :, None] - 10.3).abs().max()) < 0.1


def test_a_partial_far_above_moves_what_is_heard_below() -> None:
    """A note's overtones tell its pitch: the lowest bin sees the highest."""
    network = Partials(PartialsConfig.from_dict({"bins": 40, "channels": 4, "dilations": [1, 1], "mixed": [2, 8]}))
    torch.nn.init.normal_(network.leave.weight)
    torch.nn.init.normal_(network.overtones[0].expand.weight)
    quiet, loud = torch.zeros(1, 40, 8), torch.zeros(1, 40, 8)
    loud[:, 39] = 4.0
    with torch.no_grad():
        change = network(loud, loud)[1] - network(quiet, quiet)[1]
    assert float(change[:, :, 0].abs().max()) > 1e-4


def test_unknown_keys_and_impossible_hops_are_errors() -> None:
    with pytest.raises(CheckpointError, match="unknown keys"):
        SpectralInversionVocoder({"hop": 512})
    with pytest.raises(CheckpointError, match="multiple of hop_length"):
        SpectralInversionVocoder({"hop_length": 500})
