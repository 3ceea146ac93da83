"""A pulse is found where there is one, not where there is none; lateness is heard by pattern; it is shifted out."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.beat_clock import BeatClock
from engine.audio.buffer import Audio
from engine.audio.pulse import Onsets, find_pulse
from engine.audio.seam import Fitting, Made
from engine.audio.surroundings import Surroundings
from engine.audio.window import plan_window
from engine.rendering.joining import Joined, Joiner, Piece, single_regions
from engine.rendering.source import open_source
from engine.training.music.arrange import Wish, make_score
from engine.training.music.synthesis import render

RATE = 22050
STYLES = ("house", "rock", "folk", "hip hop", "reggae", "funk", "jazz", "waltz")


def _hits(times: list[float], levels: list[float], seconds: float, seed: int = 0) -> np.ndarray:
    """Noise bursts of given levels: float32 (2, n)."""
    rng = np.random.default_rng(seed)
    out = rng.normal(0, 1e-3, (2, round(seconds * RATE)))
    burst = rng.normal(size=RATE // 12) * np.exp(-np.arange(RATE // 12) / RATE * 90)
    for time, level in zip(times, levels, strict=True):
        first = round(time * RATE)
        if 0 <= first < out.shape[1]:
            out[:, first : first + burst.size] += level * burst[: out.shape[1] - first]
    return out.astype(np.float32)


def _groove(bpm: float, seconds: float, swing: float = 0.5, seed: int = 0, late: float = 0.0) -> np.ndarray:
    """Hits on the beat and, as loud, off it, at `swing` of the way to the next beat."""
    beats = np.arange(0.1, seconds, 60 / bpm)
    times = np.sort(np.concatenate([beats, beats + swing * 60 / bpm])) + late
    return _hits(times.tolist(), [0.3 + 0.1 * (i % 4 == 0) for i in range(times.size)], seconds, seed)


@pytest.mark.parametrize("bpm", [62, 75, 96, 120, 141, 174, 198])
@pytest.mark.parametrize("swing", [0.5, 0.62])
def test_half_of_the_attacks_off_the_beat_do_not_hide_it(bpm: float, swing: float) -> None:
    pulse = find_pulse([Onsets.of(_groove(bpm, 10, swing), RATE)])
    assert pulse.found
    ratio = pulse.bpm / bpm
    assert min(abs(ratio - r) for r in (0.5, 2 / 3, 1, 2)) < 0.004  # of even eighths, three of them are a pulse too


def test_the_generators_music_has_one() -> None:
    """Of every style with a steady beat and somebody who attacks; a pulse of its own tempo or a simple share of it."""
    found = []
    for number, style in enumerate(STYLES):
        score = make_score(500 + number, 10.0, Wish(style=style, steady=True, instruments=("drums", "bass", "pluck")))
        pulse = find_pulse([Onsets.of(render(score, 500 + number).audio, 44100)])
        ratio = pulse.bpm / score.bars[0].bpm
        found.append(pulse.found and min(abs(ratio / r - 1) for r in (1 / 2, 2 / 3, 1, 4 / 3, 3 / 2, 2, 3, 4)) < 0.01)
    assert np.mean(found) >= 0.85


@pytest.mark.parametrize("seed", range(3))
def test_no_pulse_in_noise_swells_speech_and_free_playing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.arange(12 * RATE) / RATE
    swell = sum(np.sin(2 * np.pi * f * t) * (1 + 0.5 * np.sin(2 * np.pi * 0.21 * t)) for f in (110, 165, 277)) * 0.05
    speech = np.cumsum(rng.uniform(0.12, 0.35, 60)).tolist()
    free = np.cumsum(0.5 * np.exp(0.3 * np.sin(0.8 * np.arange(24) + seed) + rng.normal(0, 0.08, 24))).tolist()
    for audio in (
        rng.normal(0, 0.1, (2, t.size)),
        np.stack([swell, swell]),
        _hits(speech, rng.uniform(0.1, 0.5, 60).tolist(), 12),
        _hits(free, [0.3] * 24, 12),
        np.zeros((2, 100)),
    ):
        assert not find_pulse([Onsets.of(audio, RATE)]).found


@pytest.mark.parametrize("late", [-0.06, -0.03, -0.01, 0.0, 0.012, 0.04, 0.06])
def test_lateness_is_told_to_milliseconds(late: float) -> None:
    music, moved = _groove(118, 16), _groove(118, 16, seed=5, late=late)
    cut = 6 * RATE, 10 * RATE
    around = Surroundings(music[:, : cut[0]], music[:, cut[1] :], RATE)
    pulse, heard = around.beat_offset(moved[:, slice(*cut)], (0.0, 0.0))
    assert pulse.found and heard == pytest.approx(late, abs=0.004)


@pytest.mark.parametrize("beat", [0.1, 0.4])
def test_the_beat_lies_where_chords_change(beat: float) -> None:
    """Attacks each half beat, all alike: nothing else tells which of them are on the beat."""
    t = np.arange(10 * RATE) / RATE
    number = np.floor((t - beat) / 1.2).astype(int) % 4
    roots = np.array([220.0, 174.6, 261.6, 196.0])[number]
    chord = sum(np.sin(2 * np.pi * np.cumsum(roots * ratio) / RATE) for ratio in (1.0, 1.25, 1.5)) * 0.05
    audio = _hits(np.arange(0.1, 10, 0.3).tolist(), [0.1] * 33, 10) + chord.astype(np.float32)
    pulse = find_pulse([Onsets.of(audio, RATE, for_beats=True)])
    assert pulse.found and pulse.period_seconds == pytest.approx(0.6, rel=0.01)
    assert abs((pulse.first_seconds - beat + 0.3) % 0.6 - 0.3) < 0.02


def _joined(source: np.ndarray, new: np.ndarray, fitting: Fitting) -> Joined:
    window = plan_window(source.shape[1], RATE, 6.0, 10.0, 5.0)
    region = window.region
    made = Made(np.ascontiguousarray(new[:, region.fade_start : region.fade_end]), region.fade_start)
    joiner = Joiner(open_source(Audio(source, RATE)), (window,), fitting, clip=False)
    return joiner.join([Piece(made, part) for part in single_regions(window)])


@pytest.mark.parametrize("late", [-0.05, -0.02, 0.02, 0.05])
def test_a_constant_offset_is_shifted_out_inside_the_handles(late: float) -> None:
    source, new = _groove(118, 16), _groove(118, 16, seed=5, late=late)
    joined = _joined(source, new, Fitting(False, 0.03, match_tempo=True))
    report = joined.reports[0]
    assert report.beat_shift_ms == pytest.approx(-1000 * late, abs=5)
    assert abs(report.tempo_phase_error_ms or 0) < 5 and "moved" in " ".join(report.in_words())
    handle = round(0.03 * RATE)
    assert np.array_equal(joined.audio[:, : 6 * RATE - handle], source[:, : 6 * RATE - handle])
    assert np.array_equal(joined.audio[:, 10 * RATE + handle :], source[:, 10 * RATE + handle :])
    stays = _joined(source, new, Fitting(False, 0.03, match_tempo=False)).reports[0]
    assert stays.beat_shift_ms is None and stays.tempo_phase_error_ms == pytest.approx(1000 * late, abs=5)


@pytest.mark.parametrize("told", [True, False])
def test_a_ramp_of_the_tempo_map_is_followed(told: bool) -> None:
    """From 100 to 132 bpm over 16 s: no pulse is steady but by the map's beats. The part is 30 ms late."""
    clock = BeatClock(tuple((2.0 * k, 100.0 + 4 * k) for k in range(9)), 6.0)
    at = np.arange(16 * RATE) / RATE
    music, late = (
        np.stack([np.interp(clock.shown(at) + 8 - lag, np.arange(40 * RATE) / RATE, c) for c in _groove(112, 40)])
        for lag in (0.0, 0.03)
    )
    fitting = Fitting(False, 0.03, match_tempo=True, bpm=112.0, clock=clock if told else None)
    report = _joined(music.astype("f4"), late.astype("f4"), fitting).reports[0]
    assert report.beat_shift_ms == (pytest.approx(-30, abs=5) if told else None)


def test_nothing_is_moved_that_is_on_the_beat_or_has_none() -> None:
    music = _groove(118, 16)
    assert _joined(music, _groove(118, 16, seed=5), Fitting(False, 0.03, True)).reports[0].beat_shift_ms is None
    noise = np.random.default_rng(0).normal(0, 0.1, music.shape).astype(np.float32)
    report = _joined(music, noise, Fitting(False, 0.03, True)).reports[0]
    assert report.beat_shift_ms is None


@pytest.mark.parametrize("bpm", [97, 140])
def test_a_region_of_another_tempo_is_named_and_costs_more(bpm: float) -> None:
    music = _groove(118, 16)
    off, on = (
        _joined(music, new, Fitting(True, 0.03)).reports[0] for new in (_groove(bpm, 16), _groove(118, 16, seed=5))
    )
    assert off.off_the_beat and "does not keep the beat" in " ".join(off.in_words())
    assert on.off_the_beat is None and "off_the_beat" not in on.to_dict() and off.score > on.score + 1
