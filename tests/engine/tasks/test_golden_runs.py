"""All 47 end-to-end runs of the reference: within a relative L2 of 1e-3, or mended and listed."""

from __future__ import annotations

import pytest
import torch

from engine.families.v1.family import draw_noise
from engine.families.v1.predictor import WEAKENING
from engine.sampling.noise import SeededNoise
from tests.support.golden_runs import LIMIT, MENDED, RUNS, error, networks, run, tensors, wanted, words_of


@pytest.mark.parametrize("name", [n for n in RUNS if n not in MENDED])
def test_run_equals_the_reference(name: str) -> None:
    value = error(run(name), wanted(name))
    assert value <= LIMIT, f"{name}: relative L2 {value:.2e}, limit {LIMIT:.0e}"


def test_every_run_is_checked_or_mended() -> None:
    assert len(RUNS) == 47 and set(MENDED) < set(RUNS) and len(MENDED) == 7


@pytest.mark.parametrize("name", ["t2m_euler_apg", "t2m_pingpong_apg", "retake_euler", "edit_navg2", "t2m_batch2"])
def test_seeds_give_the_reference_noise(name: str) -> None:
    entry = RUNS[name]
    drawn = [tensors()[key] for _, _, key in entry["noise"]]
    noise = SeededNoise(entry["actual_seeds"], drawn[0].shape[-1], draw_noise)
    retakes = SeededNoise(entry["actual_retake_seeds"], drawn[0].shape[-1], draw_noise)
    if name.startswith("edit"):
        expected = [retakes.draw() for _ in drawn]
    elif name.startswith("retake"):
        expected = [noise.draw(), retakes.draw()]
    else:
        expected = [noise.draw() for _ in drawn]
    for got, stored in zip(expected, drawn, strict=True):
        torch.testing.assert_close(got, stored, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["t2m_euler_apg", "edit_only_lyrics"])
def test_text_states_equal_the_reference(name: str) -> None:
    source, target = words_of(name)
    tags = [source.tags, target.tags]
    encoder = networks().text_encoder
    with torch.inference_mode():
        for kind, key in zip(RUNS[name]["text_kinds"], RUNS[name]["text"], strict=True):
            weak = kind.endswith("_null")
            states, _ = encoder.encode(source.tags if weak else tags.pop(0), WEAKENING if weak else 1.0)
            assert error(states, tensors()[key][:1]) < 1e-5


@pytest.mark.parametrize("name", ["t2m_euler_apg", "retake_pingpong", "a2a_heun", "edit_remix"])
def test_from_seeds_and_our_own_text_alone(name: str) -> None:
    """The whole chain without a stored tensor but lyric ids and source latents."""
    entry = RUNS[name]
    frames = tensors()[entry["noise"][0][2]].shape[-1]
    noises = (
        SeededNoise(entry["actual_seeds"], frames, draw_noise),
        SeededNoise(entry["actual_retake_seeds"], frames, draw_noise),
    )
    assert error(run(name, noises, stored_text=False), wanted(name)) <= LIMIT


def test_noise_does_not_depend_on_memory_layout() -> None:
    """The reference's ping-pong noise in audio2audio and edit is drawn into a channels-last tensor, for which torch
    makes other numbers from the same seed. Ours are the seed's, in every task; the stored ones are that quirk."""
    drawn = [tensors()[key] for _, _, key in RUNS["a2a_pingpong"]["noise"]]
    generator = torch.Generator().manual_seed(42)
    torch.randn(drawn[0].shape, generator=generator)
    quirk = torch.empty(1, 16, 22, 8).permute(0, 3, 1, 2).normal_(generator=generator)
    torch.testing.assert_close(quirk, drawn[1], rtol=0, atol=0)
    ours = SeededNoise([42], 22, draw_noise)
    torch.testing.assert_close(ours.draw(), drawn[0], rtol=0, atol=0)
    assert not torch.equal(ours.draw(), drawn[1])
