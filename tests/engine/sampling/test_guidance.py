"""Guidance against the reference's own numbers (tests/golden/guidance.*)."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from engine.sampling import guidance
from engine.sampling.guidance import GuidanceSettings, Guide, Momentum, Pass
from tests.support.paths import GOLDEN

T = load_file(GOLDEN / "guidance.safetensors")
SCHEDULES = json.loads((GOLDEN / "guidance.json").read_text())["schedule"]
COND, UNCOND, TEXT = T["cond"], T["uncond"], T["text_only"]


def close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=2e-5, atol=2e-5)


def test_apg() -> None:
    close(guidance.apg(COND, UNCOND, 15.0), T["apg_15_nomom"])
    momentum = Momentum()
    for i in range(3):
        got = guidance.apg(COND * (1 + 0.1 * i), UNCOND * (1 - 0.2 * i), 15.0 - i, momentum)
        close(got, T[f"apg_15_mom_step{i}"])
    close(momentum.average, T["apg_momentum_after3"])


def test_projection() -> None:
    parallel, orthogonal = guidance.project(COND - UNCOND, COND)
    close(parallel + orthogonal, COND - UNCOND)
    assert (orthogonal * COND).sum((-1, -2)).abs().max() < 1e-2


def test_cfg_and_star_and_double() -> None:
    close(guidance.cfg(COND, UNCOND, 7.0), T["cfg_7"])
    close(guidance.star_alpha(COND, UNCOND).reshape(-1, 1), T["cfg_star_alpha"])
    for i in range(3):
        close(guidance.cfg_star(COND, UNCOND, 15.0, i), T[f"cfg_star_i{i}"])
    close(guidance.double_condition(COND, UNCOND, TEXT, 5.0, 1.5), T["cfg_double_5_1.5"])


@pytest.mark.parametrize("entry", SCHEDULES)
def test_schedule_of_scales(entry: dict) -> None:
    settings = GuidanceSettings(
        scale=entry["scale"],
        minimum_scale=entry["min"],
        interval=entry["interval"],
        interval_decay=entry["decay"],
    )
    assert guidance.interval_of(settings, entry["steps"]) == (entry["start"], entry["end"])
    for i, wanted in enumerate(entry["per_step"]):
        got = guidance.scale_at(settings, entry["steps"], i)
        if isinstance(wanted, str):  # the reference divides by zero; a single guided step has the full scale
            assert got == entry["scale"]
        else:
            assert got == (None if wanted is None else pytest.approx(wanted))


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_scale_of_0_or_1_turns_guidance_off(scale: float) -> None:
    guide = Guide(GuidanceSettings(scale=scale, interval=1.0, double=True), 6)
    assert guide.passes(3) == (Pass.CONDITIONAL,)


def test_without_lyrics_the_third_pass_is_not_made_and_changes_nothing() -> None:
    settings = GuidanceSettings(interval=1.0, double=True)
    with_third, without = Guide(settings, 6), Guide(settings, 6, lyrics_matter=False)
    assert len(with_third.passes(2)) == 3 and len(without.passes(2)) == 2
    predictions = {Pass.CONDITIONAL: COND, Pass.UNCONDITIONAL: UNCOND}
    full = with_third.combine({**predictions, Pass.TEXT_ONLY: COND}, 2)
    close(without.combine(predictions, 2), full)


@pytest.mark.parametrize("kind", ["apg", "cfg", "cfg_star"])
def test_items_are_guided_apart(kind: str) -> None:
    settings = GuidanceSettings(kind=kind, interval=1.0)
    both = Guide(settings, 6).combine({Pass.CONDITIONAL: COND, Pass.UNCONDITIONAL: UNCOND}, 3)
    alone = Guide(settings, 6).combine({Pass.CONDITIONAL: COND[1:], Pass.UNCONDITIONAL: UNCOND[1:]}, 3)
    close(both[1:], alone)
