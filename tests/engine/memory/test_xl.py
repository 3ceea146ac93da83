"""ACE-Step 1.5 XL at real size, planned on the meta device: which mode a GPU of 12 GB takes, and what it needs."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import torch

from engine.checkpoints.int8 import bytes_when_rounded
from engine.checkpoints.weights import build_empty
from engine.families.ace_step_15.sizes import AceStep15Sizes
from engine.memory.placement import module_bytes
from engine.memory.plan import MODES, Work, choose_mode, expected_peak_bytes, mode_named
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

REGION = Work(items=1, passes=1, frames=750, encoded_frames=750, tokens=400)  # 10 s with 10 s around, distilled
SONG = Work(items=1, passes=2, frames=6000, tokens=600)  # 240 s, guided


def config(name: str, place: str) -> dict[str, Any]:
    """The real sizes over what the tiny checkpoint's config says beside them."""
    tiny = json.loads((OURS / "tiny_checkpoint" / "turbo" / place / "config.json").read_text())
    table = json.loads((OURS / "state_dicts" / f"state_dict_{name}.json").read_text())
    return {**tiny, **(table["config"] or {})}


@cache
def sizes() -> AceStep15Sizes:
    transformer = TransformerConfig.read(config("transformer_xl", "transformer"), "xl")
    vae = OobleckConfig.read(config("vae", "vae"), "vae")
    condition = ConditionConfig.read(config("condition_encoder", "condition_encoder"), "condition")
    tokens = AudioTokensConfig.read(config("audio_tokenizer", "audio_tokenizer"), "tokens")
    back = AudioTokensConfig.read(config("audio_token_detokenizer", "audio_token_detokenizer"), "back")
    text = TextEncoderConfig.read(config("text_encoder", "text_encoder"), "text")
    made: dict[str, list[Any]] = {
        "transformer": [lambda: Transformer(transformer)],
        "conditions": [lambda: ConditionEncoder(condition)],
        "audio_tokens": [lambda: AudioTokenizer(tokens), lambda: AudioDetokenizer(back)],
        "autoencoder": [lambda: OobleckAutoencoder(vae)],
        "text_encoder": [lambda: Qwen3(text)],
    }
    modules = {name: [build_empty(build).to(torch.bfloat16) for build in builds] for name, builds in made.items()}
    return AceStep15Sizes(
        weights={name: sum(map(module_bytes, parts)) for name, parts in modules.items()},
        weights_int8={name: sum(map(bytes_when_rounded, parts)) for name, parts in modules.items()},
        transformer=transformer,
        autoencoder=vae,
        item_bytes=2,
        shared=False,
    )


def test_xl_fits_into_12_gb_with_its_networks_offloaded() -> None:
    """The authors say 12 GB with offloading, 20 without."""
    assert 8.3e9 < sizes().weights["transformer"] < 8.4e9
    for work in (REGION, SONG):
        mode = choose_mode(sizes(), work, int(12e9))
        assert mode.offloads and expected_peak_bytes(sizes(), work, mode) <= 12e9, mode.name
        assert choose_mode(sizes(), work, int(20e9)) in MODES[:2]


def test_int8_halves_what_xl_takes() -> None:
    rounded, plain = (sum(sizes().of_weights(mode_named(name)).values()) for name in ("int8", "resident"))
    assert 0.5 < rounded / plain < 0.6
