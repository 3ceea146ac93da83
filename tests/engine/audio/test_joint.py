"""Where fades lie: before attacks that both sides share, in gaps, on like material; never across an attack."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.attacks import find_attacks, strength
from engine.audio.buffer import Audio
from engine.audio.fade import Powers, crossfade, level_off_db
from engine.audio.seam import Fitting, Made
from engine.audio.window import Window, plan_window
from engine.rendering.joining import Joined, Joiner, Piece, single_regions
from engine.rendering.source import open_source

RATE = 44100
FADE = round(0.03 * RATE)


def _kicks(times: list[float], seed: int, seconds: float = 8.0) -> np.ndarray:
    """Kicks (a click and a tone that dies away) over a quiet held noise, float32 (2, n)."""
    rng = np.random.default_rng(seed)
    out = rng.normal(0, 0.004, (2, round(seconds * RATE)))
    t = np.arange(round(0.25 * RATE)) / RATE
    for time in times:
        kick = np.sin(2 * np.pi * (55 + 3 * seed) * t + seed) * np.exp(-t * 14) * 0.5
        kick += rng.normal(0, 0.3, t.size) * np.exp(-t * 400)
        first = round(time * RATE)
        out[:, first : first + t.size] += kick[: out.shape[1] - first]
    return out.astype(np.float32)


def _join(source: np.ndarray, new: np.ndarray, search: float = 0.03, rate: int = RATE) -> tuple[Joined, Window]:
    window = plan_window(source.shape[1], rate, 3.0, 5.0, 2.0)
    made = Made(np.ascontiguousarray(new[:, window.start : window.end]), window.start)
    joiner = Joiner(open_source(Audio(source, rate)), (window,), Fitting(False, search), clip=False)
    return joiner.join([Piece(made, part) for part in single_regions(window)]), window


def _around(audio: np.ndarray, seconds: float) -> np.ndarray:
    """Times of the attacks of the 140 ms around a border, in ms from it."""
    first = round((seconds - 0.5) * RATE)
    found = find_attacks(audio[:, first : first + RATE], RATE)
    steps = found.steps - 500
    return steps[np.abs(steps) <= 70]


@pytest.mark.parametrize("late", [-0.02, -0.008, 0.0, 0.008, 0.02])
def test_a_joint_on_a_kick_has_one_attack(late: float) -> None:
    """Every border that is snapped to a bar is one; the model's kick is never on the sample."""
    beats = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    source, new = _kicks(beats, 1), _kicks([b + late for b in beats], 2)
    placed, _ = _join(source, new)
    for border in (3.0, 5.0):
        assert _around(placed.audio, border).size == 1


def test_at_the_border_both_kicks_sound() -> None:
    """What the place of the fade is for; and the attacks' finder finds two where there are two."""
    source, new = _kicks([3.0, 5.0], 1), _kicks([3.015, 5.015], 2)
    pinned, _ = _join(source, new, search=0.0)
    assert _around(pinned.audio, 5.0).size == 2


def test_a_fade_is_never_on_an_attack_where_there_is_another_place() -> None:
    rng = np.random.default_rng(4)
    for _ in range(12):
        times = [3.0 + rng.uniform(-0.03, 0.03), 5.0 + rng.uniform(-0.03, 0.03)]
        joined, _ = _join(_kicks(times, 1), _kicks(times, 2))
        for (first, last), time in zip(_fades(joined), times, strict=True):
            attack = round(time * RATE)
            assert not first + RATE // 500 < attack < last - RATE // 500


def _fades(joined: Joined) -> list[tuple[int, int]]:
    """The fades at both borders of the 3 s to 5 s region."""
    report = joined.reports[0]
    before = report.joint_before or (3 * RATE - FADE, 3 * RATE)
    return [before, report.joint_after or (5 * RATE, 5 * RATE + FADE)]


@pytest.mark.parametrize("late", [-0.014, -0.009, 0.004, 0.02])
def test_a_fade_makes_no_attack_itself(late: float) -> None:
    """From the decay of a weak new kick into that of the source's loud one the level would rise once more."""
    beats = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    source, new = 1.6 * _kicks(beats, 1), 0.3 * _kicks([b + late for b in beats], 2)
    placed, _ = _join(source, new)
    for border in (3.0, 5.0):
        assert _around(placed.audio, border).size == 1


def test_what_sounds_ahead_of_the_first_attack_is_not_heard() -> None:
    """A model smears an attack ahead in time; the fade ends right before it."""
    source, new = _kicks([1.0, 3.0, 5.0], 1), _kicks([1.0, 3.0, 5.0], 2)
    smear = slice(3 * RATE - round(0.02 * RATE), 3 * RATE)
    quiet = source.copy()
    new[:, smear] += np.random.default_rng(0).normal(0, 0.05, (2, smear.stop - smear.start)).astype(np.float32)
    placed, pinned = (_join(source, new, search)[0].audio for search in (0.03, 0.0))
    added = [float(np.mean((audio[:, smear] - quiet[:, smear]) ** 2)) for audio in (placed, pinned)]
    assert added[0] < 0.4 * added[1]


def test_what_leads_to_an_attack_is_cut_even_where_silence_lies_before_it() -> None:
    """As in the demo, whose source is silent before the kick: a fade in that silence let 24 ms of the lead be heard."""
    source, new = _kicks([1.0, 3.0, 5.0], 1), _kicks([1.0, 2.994, 5.0], 2)
    lead = np.arange(-round(0.024 * RATE), -round(0.006 * RATE))
    rise = 0.08 * np.exp(lead / RATE / 0.006) * np.random.default_rng(0).normal(size=(2, lead.size))
    new[:, 3 * RATE + lead] += rise.astype(np.float32)
    joint = _join(source, new)[0].reports[0].joint_before_ms
    assert joint is not None and -16 <= joint[0] < joint[1] <= -5


def test_alike_material_keeps_its_place() -> None:
    """Nothing speaks against the border: the fades are the handles, as they were."""
    t = np.arange(8 * RATE) / RATE
    tone = np.stack([np.sin(2 * np.pi * 220 * t)] * 2).astype(np.float32) * 0.2
    joined, window = _join(tone, tone.copy())
    assert joined.changed == ((window.region.fade_start, window.region.fade_end),)
    assert joined.reports[0].joint_before is None and "joint_before" not in joined.reports[0].to_dict()


def test_outside_of_what_is_said_to_be_changed_nothing_changed() -> None:
    for seed in range(4):
        beats = [3.0 + 0.004 * seed, 5.0 - 0.004 * seed]
        source, new = _kicks(beats, 1), _kicks(beats, 2 + seed)
        joined, window = _join(source, new)
        ((first, last),) = joined.changed
        assert window.region.fade_start <= first < last <= window.region.fade_end
        assert np.array_equal(joined.audio[:, :first], source[:, :first])
        assert np.array_equal(joined.audio[:, last:], source[:, last:])
        assert joined.reports[0].samples_changed_outside == 0


def test_the_report_says_where() -> None:
    joined, _ = _join(_kicks([3.0, 5.0], 1), _kicks([3.0, 5.0], 2))
    report = joined.reports[0]
    assert report.joint_after is not None and report.joint_after_ms is not None
    assert report.joint_after_ms[1] == pytest.approx(1000 * (report.joint_after[1] / RATE - 5.0), abs=0.06)
    assert "fade at the end lies" in " ".join(report.in_words())


@pytest.mark.parametrize("alike", [-0.4, 0.0, 0.3, 0.41, 0.42, 0.6, 0.8, 1.0])
def test_no_dip_and_no_bump_at_any_likeness(alike: float) -> None:
    """Two curves alone are 1.5 dB off where one gives way to the other."""
    rng = np.random.default_rng(0)
    a, noise = rng.normal(size=(2, 2, 60000))
    b = alike * a + np.sqrt(1 - alike**2) * noise
    faded, _ = crossfade(a, b, RATE)
    for part in np.array_split(faded, 10, axis=1):
        assert abs(10 * np.log10(np.mean(part**2))) < 0.5


def _notes(hertz: float, phases: tuple[float, float], levels: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A bass note of each piece under hiss, (2, n) of 70 ms each."""
    rng = np.random.default_rng(1)
    t = np.arange(round(0.07 * RATE)) / RATE
    pieces = [
        level * (np.sin(2 * np.pi * hertz * t + phase) + rng.normal(0, 0.2, (2, t.size)))
        for phase, level in zip(phases, levels, strict=True)
    ]
    return pieces[0], pieces[1]


@pytest.mark.parametrize("hertz", [45.0, 110.0])
@pytest.mark.parametrize("phase", [0.5, 1.6, 2.1])
@pytest.mark.parametrize("level", [0.3, 1.0, 4.0])
def test_a_fade_of_bass_notes_is_even_at_every_moment(hertz: float, phase: float, level: float) -> None:
    """One correlation for the whole fade was up to 3 dB off where the notes meet, or where one is the louder."""
    first, second = _notes(hertz, (0.3, 0.3 + phase), (1.0, level))
    inside = slice(round(0.02 * RATE), round(0.05 * RATE))
    powers, count = Powers.of(first, second), inside.stop - inside.start
    assert level_off_db(powers, inside.start, count, RATE) < 0.5
    faded, _ = crossfade(first[:, inside], second[:, inside], RATE)
    sounding = np.concatenate([first[:, : inside.start], faded, second[:, inside.stop :]], axis=1)
    assert level_off_db(powers, inside.start, count, RATE, np.sum(sounding**2, axis=0)) < 0.5


def test_the_measure_tells_a_dip_and_not_the_musics_own_change_of_level() -> None:
    first, second = _notes(110.0, (0.0, 3.1), (1.0, 0.02))
    powers, count, start = Powers.of(first, second), round(0.03 * RATE), round(0.02 * RATE)
    assert level_off_db(powers, start, count, RATE) < 0.5  # it falls by 34 dB, evenly
    dipping = np.sum(first**2, axis=0)
    dipping[start : start + count] *= 0.5
    assert level_off_db(Powers.of(first, first), start, count, RATE, dipping) == pytest.approx(3.0, abs=0.1)


def test_opposed_notes_are_faded_where_or_as_long_as_they_are_even() -> None:
    """What cancels is raised by 6 dB at most: the place and the length of the fade have to do the rest."""
    t = np.arange(8 * RATE) / RATE
    source = np.stack([np.sin(2 * np.pi * 70 * t)] * 2) * 0.2
    new = np.stack([np.sin(2 * np.pi * 73 * t + 2.6)] * 2) * 0.2
    joined, _ = _join(source.astype(np.float32), new.astype(np.float32))
    for first, last in _fades(joined):
        powers = Powers.of(
            source[:, first - RATE // 50 : last + RATE // 50], new[:, first - RATE // 50 : last + RATE // 50]
        )
        pair = powers if first < 4 * RATE else Powers(powers.second, powers.first, powers.product)
        assert level_off_db(pair, RATE // 50, last - first, RATE) < 1


def test_attacks_are_found_to_a_few_milliseconds() -> None:
    times = [0.5, 1.0, 1.08, 2.0]
    found = find_attacks(_kicks(times, 3, 3.0), RATE)
    assert found.steps.tolist() == pytest.approx([1000 * t for t in times], abs=4)
    assert strength(np.zeros((2, RATE)), RATE).max() == 0
