"""The shipped model: size, layout, tones in tune, silence, any length. What it plays is in test_nano_evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.checkpoints import registry
from engine.training.evaluation.reconstruction import tone_error


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
    assert config["lyric_input"] == "chord_grid" and config["erg"] is None
    assert config["region_input"] and config["pooled_text"]
    assert "small test model" in entry.description
    assert "small test model" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_tokenizer_is_one_that_transformers_reads() -> None:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(Path(registry.resolve("nano").folder) / "umt5-base")
    assert tokenizer("house, 124 bpm")["input_ids"][-1] == tokenizer.eos_token_id


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
