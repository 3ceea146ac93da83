"""The shipped model: size, layout, drums where drums are asked for, held pads, the asked tempo, tones in tune."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.checkpoints import registry
from engine.training import rules
from engine.training.evaluate import tone_error

RATE = 48000


@pytest.fixture(scope="module")
def nano() -> engine.Model:
    return engine.load("nano", device="cpu")


def _make(nano: engine.Model, tags: str, seed: int, seconds: float = 6.0, **fields: Any) -> np.ndarray:
    return np.asarray(nano.render(engine.TextToAudio(tags=tags, seed=seed, duration=seconds, **fields)).audio)


def test_size_layout_and_description() -> None:
    entry = registry.resolve("nano")
    folder = Path(entry.folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size <= 16_000_000
    config = json.loads((folder / "ace_step_transformer" / "config.json").read_text())
    assert config["lyric_input"] == "beat_grid" and config["erg"] is None
    assert "small test model" in entry.description
    assert "small test model" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_tokenizer_is_one_that_transformers_reads() -> None:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(Path(registry.resolve("nano").folder) / "umt5-base")
    assert tokenizer("house, 124 bpm")["input_ids"][-1] == tokenizer.eos_token_id


def test_drums_where_drums_are_asked_for_and_pads_are_held(nano: engine.Model) -> None:
    """High-band onsets a second: many for drums, few for pads; pads never fall silent."""
    drums = [len(rules.onset_times(_make(nano, "drums, house", s, tempo=124.0), RATE, 4000.0)) / 6.0 for s in range(3)]
    pads = [_make(nano, "pad, ambient, C major", s, tempo=80.0) for s in range(3)]
    attacks = [rules.features(audio, RATE).attack for audio in pads]
    drum_attacks = [rules.features(_make(nano, "drums, house", s, tempo=124.0), RATE).attack for s in range(3)]
    assert np.median(drums) > 3.0
    assert np.median(attacks) < 0.6 * np.median(drum_attacks)


def test_tempo_within_three_percent_in_eight_of_ten(nano: engine.Model) -> None:
    asked = [90.0, 100.0, 110.0, 120.0, 124.0, 128.0, 140.0, 96.0, 150.0, 174.0]
    found = [
        rules.tempo(_make(nano, f"house, drums, bass, {bpm:.0f} bpm", seed, 8.0), RATE)
        for seed, bpm in enumerate(asked)
    ]
    hits = [rules.same_tempo(f, a, 0.03) for f, a in zip(found, asked, strict=True)]
    assert sum(hits) >= 8, list(zip(asked, found, strict=True))


def test_a_440_hz_tone_stays_within_twenty_cents(nano: engine.Model) -> None:
    assert abs(tone_error(nano.networks.autoencoder, 440.0)) < 20.0


def test_silence_stays_silent(nano: engine.Model) -> None:
    import torch

    codec = nano.networks.autoencoder
    with torch.inference_mode():
        back = codec.decode(codec.encode(torch.zeros(1, 2, 4096 * 20)))
    assert float(back.abs().max()) < 1e-3


@pytest.mark.parametrize("seconds", [2.0, 12.0])
def test_any_length_is_finite_and_unclipped(nano: engine.Model, seconds: float) -> None:
    audio = _make(nano, "rock, guitar, drums", 5, seconds, number_of_steps=8)
    assert np.isfinite(audio).all()
    assert 1e-3 < np.abs(audio).max() <= 1.5
    assert abs(float(audio.mean())) < 1e-2
