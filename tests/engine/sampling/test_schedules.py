"""Noise levels and steppers against the reference's own (tests/golden/schedulers.*)."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from engine.families.v1.levels import get_sigmas, once_shifted
from engine.requests import TextToAudio, fields_of
from engine.sampling.schedulers import SCHEDULERS, make_stepper
from engine.sampling.schedules import get_schedule
from engine.sampling.steppers import granularity_factor
from tests.support.paths import GOLDEN

TENSORS = load_file(GOLDEN / "schedulers.safetensors")
META = json.loads((GOLDEN / "schedulers.json").read_text())


def names(pattern: str) -> list[str]:
    return sorted(n for n in TENSORS if re.fullmatch(pattern, n))


@pytest.mark.parametrize("name", names(r"\w+\.smax.*\.timesteps"))
def test_timesteps_equal_the_reference(name: str) -> None:
    scheduler, highest, steps = re.fullmatch(r"(\w+)\.smax([\d.]+)\.n(\d+)\.timesteps", name).groups()
    stages = get_schedule(get_sigmas(int(steps), float(highest)), scheduler == "heun")
    torch.testing.assert_close(torch.tensor([s.timestep for s in stages]), TENSORS[name], rtol=1e-6, atol=1e-4)
    ends = [*(s.sigma for s in stages), 0.0]
    wanted = TENSORS[name.replace("timesteps", "sigmas")]
    if scheduler != "heun":
        torch.testing.assert_close(torch.tensor(ends), wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", names(r"\w+\.oss.*\.timesteps"))
def test_oss_steps_are_shifted_a_third_time(name: str) -> None:
    picked = [int(n) for n in name.split("oss")[1].split(".")[0].split("_")]
    timesteps = [s.timestep for s in get_schedule(get_sigmas(27, oss_steps=picked))]
    torch.testing.assert_close(torch.tensor(timesteps), TENSORS[name], rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("highest", ["1.0", "0.5", "0.3"])
def test_once_shifted_is_the_constructor_sigma(highest: str) -> None:
    assert once_shifted(float(highest)) == pytest.approx(META[f"euler.sigma_max{highest}"]["sigma_max"])


@pytest.mark.parametrize("omega", ["10.0", "0.0", "-20.0"])
def test_granularity_factor(omega: str) -> None:
    assert granularity_factor(float(omega)) == pytest.approx(META[f"euler.omega{omega}.rescaled"])


def velocity(index: int) -> Tensor:
    return 0.7 * torch.randn(2, 8, 16, 4, generator=torch.Generator().manual_seed(100 + index)) + 0.1


class SharedNoise:
    """The reference's ping-pong noise: one generator for the whole batch (the golden was made so)."""

    def __init__(self) -> None:
        self._generator = torch.Generator().manual_seed(22)

    def draw(self, frames: int | None = None) -> Tensor:
        return torch.randn(2, 8, 16, frames or 4, generator=self._generator)


def couple_items(state: Tensor) -> Tensor:
    """A batch of two as one item, so that means run over both as the reference's do."""
    return state.reshape(1, 16, 16, 4)


def walk(scheduler: str, omega: float) -> list[Tensor]:
    stages = get_schedule(get_sigmas(5), scheduler == "heun")
    stepper = make_stepper(scheduler, SharedNoise(), granularity_factor(omega))
    state = torch.randn(2, 8, 16, 4, generator=torch.Generator().manual_seed(21))
    states = [state]
    for stage in stages:
        change = velocity(stage.index)
        if scheduler == "pingpong":
            state = stepper.step(state, change, stage)
        else:
            state = stepper.step(couple_items(state), couple_items(change), stage).reshape(2, 8, 16, 4)
        states.append(state)
    return states


@pytest.mark.parametrize("scheduler", ["euler", "heun", "pingpong"])
@pytest.mark.parametrize("omega", ["10.0", "0.0", "-20.0"])
def test_steps_equal_the_reference(scheduler: str, omega: str) -> None:
    states = walk(scheduler, float(omega))
    if omega == "10.0":
        wanted = TENSORS[f"{scheduler}.omega10.0.states"]
        torch.testing.assert_close(torch.stack(states), wanted, rtol=1e-5, atol=1e-5)
    else:
        wanted = TENSORS[f"{scheduler}.omega{omega}.final"]
        torch.testing.assert_close(states[-1], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scheduler", ["euler", "heun"])
def test_items_of_a_batch_do_not_touch_each_other(scheduler: str) -> None:
    stage = get_schedule(get_sigmas(6))[0]
    state, change = torch.randn(2, 8, 16, 4), torch.randn(2, 8, 16, 4)
    both = make_stepper(scheduler, SharedNoise(), 1.05).step(state, change, stage)
    alone = make_stepper(scheduler, SharedNoise(), 1.05).step(state[1:], change[1:], stage)
    torch.testing.assert_close(both[1:], alone)


@given(st.integers(1, 200), st.floats(0.01, 1.0))
def test_levels_fall_to_zero(steps: int, highest: float) -> None:
    sigmas = get_sigmas(steps, highest)
    assert sigmas.dtype == np.float32 and len(sigmas) == steps
    assert np.all(np.diff(sigmas) < 0) and 0 < sigmas[-1] <= sigmas[0] <= 1
    stages = get_schedule(sigmas, heun=True)
    assert len(stages) == 2 * steps - 1
    assert stages[-1].next_sigma == 0 and not stages[-1].corrects


def test_the_request_offers_every_scheduler_and_no_other() -> None:
    assert set(fields_of(TextToAudio)["scheduler"].choices) == set(SCHEDULERS)
