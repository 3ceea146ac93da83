"""Effects in their own process: latency, length, tails, words for errors. `tests.effects_vst3` is for plug-ins."""

from __future__ import annotations

import numpy as np
import pedalboard
import pytest

from engine.effects import chain
from engine.effects.built_in import BUILT_IN
from engine.effects.chain import apply_effects
from engine.effects.effect import MOST_EFFECTS, check_effects, read_effects
from engine.errors import Cancelled, EffectFailed, InvalidRequest

RATE = 44100


def _impulse(channels: int = 2) -> np.ndarray:
    samples = np.zeros((channels, RATE // 4), np.float32)
    samples[:, 1000] = 0.5
    return samples


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_table_of_effects_is_pedalboards(name: str) -> None:
    given, fresh = getattr(pedalboard, name)(**BUILT_IN[name]), getattr(pedalboard, name)()
    for parameter, value in BUILT_IN[name].items():
        assert getattr(given, parameter) == pytest.approx(value, rel=1e-3), parameter
        assert getattr(fresh, parameter) == pytest.approx(value, rel=1e-3), parameter


def test_length_and_place_stay_through_what_looks_ahead() -> None:
    effects = read_effects([{"name": "Gain", "parameters": {"gain_db": -6.0206}}, {"name": "BrickwallLimiter"}])
    stereo, mono = apply_effects([_impulse(), _impulse(1)], RATE, effects).items
    assert stereo.shape == (2, RATE // 4) and mono.shape == (1, RATE // 4)
    for made in (stereo, mono):
        assert int(np.abs(made[0]).argmax()) == 1000 and made[0, 1000] == pytest.approx(0.25, abs=1e-3)


def test_a_tail_is_a_choice() -> None:
    effects = read_effects([{"name": "Reverb", "parameters": {"room_size": 0.3}}])
    (cut,) = apply_effects([_impulse()], RATE, effects).items
    (whole,) = apply_effects([_impulse()], RATE, effects, tail=True).items
    assert cut.shape[1] == RATE // 4 < whole.shape[1] < RATE * 5
    assert np.array_equal(whole[:, : RATE // 4], cut) and np.abs(whole[:, -1]).max() == 0


def test_what_an_effect_does_not_take_is_said_by_its_own_process() -> None:
    effects = read_effects([{"name": "Gain"}, {"name": "Compressor", "parameters": {"ratio": 0.1}}])
    with pytest.raises(InvalidRequest, match=r"effects\[1\]: got .*ratio"):
        apply_effects([], RATE, effects)
    with pytest.raises(InvalidRequest, match=r"effects\[0\].plugin: got .*not found"):
        apply_effects([], RATE, read_effects([{"plugin": "/nowhere/x.vst3"}]))


def test_what_takes_too_long_is_ended_and_so_is_what_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(chain.LIMIT_VARIABLE, "-1")
    with pytest.raises(EffectFailed, match="not done after"):
        apply_effects([_impulse()], RATE, read_effects([{"name": "Gain"}]))
    monkeypatch.delenv(chain.LIMIT_VARIABLE)
    with pytest.raises(Cancelled):
        apply_effects([_impulse()], RATE, read_effects([{"name": "Gain"}]), stopped=lambda: True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Gain"}, "effects: got"),
        ([{"name": "Gain"}] * (MOST_EFFECTS + 1), "17 effects"),
        ([{"name": "Reverbb"}], "Did you mean Reverb"),
        ([{"name": "Gain", "parameters": {"gain": 1}}], r"effects\[0\].parameters.gain: .*gain_db"),
        ([{"name": "Gain", "parameters": {"gain_db": "loud"}}], "expected a number"),
        ([{"name": "Gain", "parameters": {"gain_db": float("nan")}}], "finite"),
        ([{"name": "Gain", "state": "/x.vstpreset"}], "belong to plug-ins"),
        ([{"name": "Gain", "plugin": "/x.vst3"}], "both name and plugin"),
        ([{}], "neither name nor plugin"),
        ([{"name": "Gain", "wet": 1}], "unknown field `wet`"),
        ([{"plugin": "x.vst3"}], "whole path"),
        ([{"plugin": "/etc/passwd"}], "ends in .vst3"),
        ([3], r"effects\[0\]"),
    ],
)
def test_a_chain_that_is_none_is_refused_by_name(wrong: object, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        check_effects(wrong)


def test_a_preset_must_be_looked_up_before_it_is_run() -> None:
    check_effects(["warm"])
    with pytest.raises(InvalidRequest, match="not looked up"):
        read_effects(["warm"])
