"""docs/decisions.md lists fourteen points where we leave the reference, with their tests: all of them are there.

Two points have their tests here.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

import engine
from engine.checkpoints.load import load_networks
from engine.model import Model
from engine.networks.config import TransformerConfig
from engine.networks.transformer import Transformer
from tests.support.golden_runs import GOLDEN

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "decisions.md"
ROW = re.compile(r"^\| (\d+) \| (.+?) \| .+? \| (`(?:\w+/)?test_.+`) \|$", re.MULTILINE)


def test_every_point_is_listed_with_tests_that_exist() -> None:
    rows = ROW.findall(DOCS.read_text(encoding="utf-8"))
    assert [int(number) for number, _, _ in rows] == list(range(1, 15))
    for number, what, tests in rows:
        for file, name in re.findall(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", tests):
            text = (HERE / file).read_text(encoding="utf-8")
            assert re.search(rf"def {name}\(", text), f"point {number}, {what}: {file} has no {name}"


def test_state_and_source_are_float32_whatever_the_weights_are() -> None:
    """With bfloat16 weights the reference rounds the state at each step and the audio before its spectrum."""
    exact, rounded = (load_networks(GOLDEN / "tiny_checkpoint", "cpu", d) for d in (torch.float32, torch.bfloat16))
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8192)).astype(np.float32)
    with torch.inference_mode():
        encoded = [n.autoencoder.encode(torch.from_numpy(audio)[None]) for n in (exact, rounded)]
    torch.testing.assert_close(*encoded, rtol=0, atol=0)
    states: list[torch.Tensor] = []
    rounded.transformer.proj_in.register_forward_pre_hook(lambda _m, given: states.append(given[0].clone()))
    request = engine.TextToAudio(tags="pop", duration=0.5, number_of_steps=3, seed=1)
    result = Model("tiny", rounded).render(request)
    assert result.latents.dtype == np.float32
    for state in states:
        assert state.dtype == torch.float32 and not torch.equal(state, state.bfloat16().float())


def test_sizes_of_the_lyric_encoder_come_from_the_config() -> None:
    other = {"output_size": 48, "attention_heads": 3, "linear_units": 80, "num_blocks": 2}
    small = {"num_layers": 1, "inner_dim": 24, "num_attention_heads": 4, "attention_head_dim": 6}
    with torch.device("meta"):
        given = Transformer(
            TransformerConfig.from_dict({**small, "lyric_hidden_size": 48, "lyric_encoder_config": other})
        )
        absent = Transformer(TransformerConfig.from_dict(small))
    assert len(given.lyric_encoder.encoders) == 2 and given.lyric_proj.in_features == 48
    assert given.lyric_encoder.encoders[0].feed_forward.w_1.out_features == 80
    assert len(absent.lyric_encoder.encoders) == 6 and absent.lyric_proj.in_features == 1024
    assert absent.lyric_encoder.encoders[0].feed_forward.w_1.out_features == 4096
