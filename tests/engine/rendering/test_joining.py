"""Seams: outside of region and fades nothing changes, in memory and in files; the report hears what went wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.buffer import Audio
from engine.audio.fade import crossfade
from engine.audio.loudness import limited, loudness_lufs, matching_gain_db, true_peak_db
from engine.audio.outpaint_window import Extension, plan_outpaint
from engine.audio.seam import Made
from engine.audio.seam_report import SeamReport
from engine.audio.window import Window, plan_window
from engine.rendering.joining import Joined, Joiner, Piece, choose_best, single_regions
from engine.rendering.source import open_source
from tests.support.examples import examples

RATE = 22050


def _music(seconds: float, seed: int = 0, bpm: float = 120.0, rate: int = RATE) -> np.ndarray:
    """Decaying noise bursts on the beat over a held chord, float32 (2, n)."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    since_beat = np.mod(t, 60 / bpm)
    hits = rng.normal(size=(2, t.size)) * np.exp(-since_beat * 60) * 0.4
    chord = sum(np.sin(2 * np.pi * f * t + seed) for f in (220.0, 277.2, 329.6)) * 0.05
    return (hits + chord).astype(np.float32)


def _made(window: Window, samples: np.ndarray) -> Made:
    return Made(np.ascontiguousarray(samples), window.start)


def _joined(source: np.ndarray, made: Made, window: Window, match: bool = True) -> Joined:
    """The whole source with what was made in its place, as a render does it."""
    joiner = Joiner(open_source(Audio(source, RATE)), (window,), match, clip=False)
    return joiner.join([Piece(made, part) for part in single_regions(window)])


@examples(100)
@given(
    st.integers(3000, 40000),
    st.floats(0, 0.95),
    st.floats(0.01, 1),
    st.floats(0, 0.2),
    st.sampled_from([1, 2]),
    st.booleans(),
)
def test_outside_region_and_fades_every_sample_stays(
    samples: int, a: float, b: float, fade: float, channels: int, match: bool
) -> None:
    start = int(a * samples)
    end = max(start + 1, int((a + b * (1 - a)) * samples))
    window = plan_window(samples, RATE, start / RATE, end / RATE, 1.0, fade)
    rng = np.random.default_rng(1)
    source = rng.normal(0, 0.2, (channels, samples)).astype(np.float32)
    made = rng.normal(0, 0.2, (2, window.samples)).astype(np.float32)
    result = _joined(source, _made(window, made), window, match)
    region = window.region
    assert result.audio.shape == source.shape and result.offset == 0
    assert np.array_equal(result.audio[:, : region.fade_start], source[:, : region.fade_start])
    assert np.array_equal(result.audio[:, region.fade_end :], source[:, region.fade_end :])
    inside = slice(region.start, region.end)
    assert not np.array_equal(result.audio[:, inside], source[:, inside])


def test_inside_the_region_is_what_was_made() -> None:
    source, made = _music(6), _music(6, seed=3)
    window = plan_window(source.shape[1], RATE, 2, 4, 1.0)
    result = _joined(source, _made(window, made[:, window.start : window.end]), window, match=False)
    inside = slice(window.region.start, window.region.end)
    assert np.array_equal(result.audio[:, inside], made[:, inside])


def test_crossfades_keep_the_level() -> None:
    """Linear ramps on unlike material dip by 3 dB; equal-power ramps on alike material swell by 3 dB."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2, 20000))
    unlike, curve = crossfade(a, b, RATE)
    assert curve == "equal-power"
    assert abs(10 * np.log10(np.mean(unlike[:, 8000:12000] ** 2))) < 0.3
    alike, curve = crossfade(a, a, RATE)
    assert curve == "linear" and np.allclose(alike, a)


def test_loudness_follows_the_context_down_without_limit_and_up_by_twelve_db() -> None:
    music = _music(6)
    assert matching_gain_db(music * 0.7, music, RATE) == pytest.approx(-20 * np.log10(0.7), abs=0.05)
    assert matching_gain_db(music * 0.1, music, RATE) == 12.0
    assert matching_gain_db(music, music * 0.03, RATE) == pytest.approx(20 * np.log10(0.03), abs=0.05)
    assert matching_gain_db(music, music * 1e-4, RATE) == 0.0  # silence is nothing to follow
    assert matching_gain_db(music * 2e-3, music, RATE) == 0.0  # nor is it turned up
    assert matching_gain_db(music * 0, music, RATE) == 0.0
    window = plan_window(music.shape[1], RATE, 2, 4, 1.0)
    quiet = _made(window, music[:, window.start : window.end] * 0.6)
    result = _joined(music, quiet, window)
    assert result.reports[0].gain_db == pytest.approx(4.44, abs=0.3)
    assert abs(loudness_lufs(result.audio, RATE) - loudness_lufs(music, RATE)) < 0.3


@pytest.mark.parametrize("level", [0.02, 0.1, 0.3])
def test_a_loud_part_in_quiet_music_becomes_quiet(level: float) -> None:
    """It was 18 LU louder than what was around it."""
    music = _music(12) * level
    music[:, : 4 * RATE] *= 8  # what was loud long before does not count
    window = plan_window(music.shape[1], RATE, 10, 11, 8.0)
    loud = _made(window, _music(12, seed=3)[:, window.start : window.end])
    result = _joined(music, loud, window)
    near = np.concatenate([result.audio[:, 7 * RATE : 10 * RATE], result.audio[:, 11 * RATE :]], axis=1)
    new = result.audio[:, 10 * RATE : 11 * RATE]
    assert abs(loudness_lufs(new, RATE) - loudness_lufs(near, RATE)) < 1
    assert result.reports[0].loudness_difference_lu == pytest.approx(0, abs=0.1)


def test_matching_never_turns_up_over_full_scale() -> None:
    rng = np.random.default_rng(3)
    source = (0.5 * np.sign(rng.standard_normal((2, 40000)))).astype(np.float32)
    spiky = 0.1 * rng.standard_normal((2, 40000))
    spiky[:, 20000] = 0.9
    window = plan_window(source.shape[1], RATE, 0.7, 1.1, 0.3)
    result = _joined(source, _made(window, spiky[:, window.start : window.end]), window)
    assert result.reports[0].gain_db == pytest.approx(20 * np.log10(1 / 0.9), abs=1e-3)
    assert np.abs(result.audio).max() <= 1.0


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000, 192000])
def test_loudness_of_a_known_tone(rate: int) -> None:
    """A 997 Hz sine at -20 dBFS peak in both channels is -20 LUFS (BS.1770, less 0.01)."""
    tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(rate * 3) / rate)
    assert loudness_lufs(np.stack([tone, tone]), rate) == pytest.approx(-20.0, abs=0.3)
    assert loudness_lufs(np.zeros((2, 100)), rate) == -120.0


@pytest.mark.parametrize("kind", ["before", "after", "both"])
def test_outpaint_is_as_long_as_asked_for(kind: str) -> None:
    source = _music(5)
    extension = Extension(1.7 if kind != "after" else 0, 2.3 if kind != "before" else 0)
    windows = plan_outpaint(source.shape[1], RATE, extension, 2.0)
    assert len(windows) == (2 if kind == "both" else 1)
    for window in windows:
        rng = np.random.default_rng(0)
        result = _joined(source, Made(rng.normal(0, 0.1, (2, window.samples)).astype(np.float32), window.start), window)
        first, last = window.output
        assert result.audio.shape[1] == last - first and result.offset == first
        fade = round(0.03 * RATE)
        kept = slice(fade if first < 0 else 0, source.shape[1] - (fade if last > source.shape[1] else 0))
        assert np.array_equal(result.audio[:, -first:][:, kept], source[:, kept])
        new = result.audio[:, :-first] if first else result.audio[:, source.shape[1] :]
        assert np.abs(new).max() > 0.1


def _report(source: np.ndarray, new: np.ndarray, match: bool = False) -> SeamReport:
    """The report on `new` (as long as `source`) in the middle of it."""
    window = plan_window(source.shape[1], RATE, 8, 16, 8.0)
    return _joined(source, _made(window, new[:, window.start : window.end]), window, match).reports[0]


def test_a_good_joint_scores_near_zero() -> None:
    report = _report(_music(24), _music(24, seed=9))
    assert report.click_before_db is not None and report.click_before_db <= 3
    assert report.loudness_difference_lu is not None and abs(report.loudness_difference_lu) < 0.5
    assert abs(report.tempo_phase_error_ms or 0) < 5 and report.tempo_phase_error_ms is not None
    assert report.spectral_tilt_difference_db is not None and abs(report.spectral_tilt_difference_db) < 0.5
    assert report.score < 0.6 and "beat continues" in " ".join(report.in_words())


def test_an_inserted_click_is_found() -> None:
    """The joints lie between two beats, where the music has no attack of its own."""
    source, new = (np.roll(_music(24, seed=s), RATE // 4, axis=1) for s in (0, 9))
    clean = _report(source, new)
    new[:, 8 * RATE - 200] += 3.0
    report = _report(source, new)
    assert clean.click_before_db is not None and clean.click_before_db < 0
    assert report.click_before_db is not None and report.click_before_db > 3
    assert report.score > clean.score and "heard as a click" in " ".join(report.in_words())
    assert report.click_after_db == clean.click_after_db


def test_a_loudness_jump_is_found_and_mended() -> None:
    report = _report(_music(24), _music(24, seed=9) * 1.8)
    assert report.loudness_difference_lu == pytest.approx(20 * np.log10(1.8), abs=0.5)
    assert "louder" in " ".join(report.in_words())
    mended = _report(_music(24), _music(24, seed=9) * 1.8, match=True)
    assert mended.loudness_difference_lu is not None and abs(mended.loudness_difference_lu) < 0.5
    assert mended.gain_db < -4


@pytest.mark.parametrize("late_ms", [-120, -60, 60, 120])
def test_a_shifted_beat_is_found(late_ms: int) -> None:
    shifted = np.roll(_music(24, seed=9), round(late_ms / 1000 * RATE), axis=1)
    report = _report(_music(24), shifted)
    assert report.tempo_phase_error_ms == pytest.approx(late_ms, abs=6)
    assert ("late" if late_ms > 0 else "early") in " ".join(report.in_words())


def test_a_dull_region_is_found() -> None:
    kernel = np.ones(12) / 12
    dull = np.stack([np.convolve(c, kernel, "same") for c in _music(24, seed=9)]).astype(np.float32)
    report = _report(_music(24), dull)
    assert (report.spectral_tilt_difference_db or 0) < -1 and "darker" in " ".join(report.in_words())


def test_silence_has_a_report_without_numbers_to_compare() -> None:
    silence = np.zeros((2, 24 * RATE), np.float32)
    report = _report(silence, silence)
    assert report.loudness_difference_lu is None and report.tempo_phase_error_ms is None
    assert report.score == 0 and report.to_dict()["score"] == 0


@pytest.mark.parametrize("silent", ["region", "surroundings", "both", None])
def test_silence_is_named(silent: str | None) -> None:
    """What is silent is said, dither and rumble under -70 dBFS included; other reports do not have the field."""
    source, new = _music(24), _music(24, seed=9)
    if silent in ("surroundings", "both"):
        source[:, 6 * RATE : 18 * RATE] *= 1e-5
    if silent in ("region", "both"):
        new[:, 7 * RATE : 17 * RATE] *= 1e-5
    report = _report(source, new)
    assert report.to_dict().get("silent") == silent and ("silent" in report.to_dict()) == (silent is not None)
    assert ("silent" in " ".join(report.in_words())) == (silent is not None)


def test_a_silent_candidate_is_worse_than_one_that_sounds() -> None:
    source = _music(24)
    assert _report(source, source * 0).score > _report(source, _music(24, seed=9) * 0.2).score + 1


def test_an_attack_that_the_source_has_at_the_joint_is_the_musics() -> None:
    """It is the sharpest around, in the source as in the result."""
    source, new = _music(24), _music(24, seed=9)
    window = plan_window(source.shape[1], RATE, 8, 16, 8.0)
    for audio in (source, new):
        audio[:, 8 * RATE - 300] += 4.0
    report = _joined(source, _made(window, new[:, window.start : window.end]), window, False).reports[0]
    assert report.click_before_db is not None and report.click_before_db < 1 and report.clicks is None


_FAULTS = ("click", "loud", "quiet", "late", "slow", "dull", "silent")


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_bad_candidate_among_good_ones_is_never_chosen(fault: str) -> None:
    """Wherever it stands; the good ones differ by their seeds. The joints lie between two beats."""
    source = np.roll(_music(24), RATE // 4, axis=1)
    window = plan_window(source.shape[1], RATE, 8, 16, 8.0)
    joined = []
    for seed in (9, 10, 11):
        new = np.roll(_music(24, seed=seed), RATE // 4, axis=1)
        joined.append(_joined(source, _made(window, new[:, window.start : window.end]), window, False))
    new = _spoiled(np.roll(_music(24, seed=12), RATE // 4, axis=1), fault)
    bad = _joined(source, _made(window, new[:, window.start : window.end]), window, False)
    for place in range(4):
        candidates = [*joined[:place], bad, *joined[place:]]
        assert choose_best(candidates, 4) != {place}


def _spoiled(new: np.ndarray, fault: str) -> np.ndarray:
    if fault == "click":
        new[:, 8 * RATE - 200] += 3.0
    kernel = np.ones(12) / 12
    dull = np.stack([np.convolve(channel, kernel, "same") for channel in new]).astype(np.float32)
    late = np.roll(new, round(0.08 * RATE), axis=1)
    slow = np.stack([np.interp(np.arange(new.shape[1]) * 0.83, np.arange(new.shape[1]), c) for c in new]).astype("f4")
    return {"slow": slow, "loud": new * 2, "quiet": new * 0.4, "late": late, "dull": dull, "silent": new * 0}.get(
        fault, new
    )


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_what_is_turned_up_stays_below_the_true_peak(rate: int) -> None:
    rng = np.random.default_rng(2)
    loud = rng.normal(0, 0.4, (2, rate))
    kept = loud * 0.05
    assert true_peak_db(limited(loud, rate)) <= -1.0 and limited(kept, rate) is kept
    quiet = np.sin(2 * np.pi * rate / 4 * np.arange(rate) / rate + np.pi / 4)[None]  # peaks lie between its samples
    assert true_peak_db(quiet) == pytest.approx(0.0, abs=0.3) and np.abs(quiet).max() < 0.71


def test_a_result_that_was_turned_up_stays_below_the_true_peak() -> None:
    source = np.clip(_music(6) * 3, -1, 1).astype(np.float32)
    window = plan_window(source.shape[1], RATE, 2, 4, 1.0)
    new = np.clip(_music(6, seed=3)[:, window.start : window.end], -0.5, 0.5)
    result = _joined(source, _made(window, new), window)
    assert result.reports[0].gain_db > 1
    assert true_peak_db(result.audio[:, window.region.start : window.region.end]) <= -0.9


def test_score_orders_candidates() -> None:
    good = SeamReport(0, -5.0, -3.0, 0.2, 4.0, 0.1)
    worse = [
        replace(good, click_after_db=9.0),
        replace(good, loudness_difference_lu=-4.0),
        replace(good, tempo_phase_error_ms=90.0),
        replace(good, samples_changed_outside=1),
    ]
    assert all(good.score < bad.score for bad in worse)


@pytest.mark.parametrize("fault", ["flam", "dip"])
def test_two_attacks_and_a_dip_are_heard_in_every_result_and_cost_one(fault: str) -> None:
    """Beside a candidate that is the same but for it: nothing else tells them apart."""
    source = np.roll(_music(24), RATE // 4, axis=1)
    window = plan_window(source.shape[1], RATE, 8, 16, 8.0)
    good = np.roll(_music(24, seed=9), RATE // 4, axis=1)
    hit = (np.random.default_rng(3).normal(size=1500) * np.exp(-np.arange(1500) / RATE * 60) * 0.3).astype(np.float32)
    good[:, 8 * RATE + 100 : 8 * RATE + 1600] += hit
    bad = good.copy()
    if fault == "flam":
        bad[:, 8 * RATE + 750 : 8 * RATE + 2250] += hit
    else:
        bad[:, 16 * RATE - 700 : 16 * RATE] *= 0.02
    one, other = (
        _joined(source, _made(window, new[:, window.start : window.end]), window, False) for new in (good, bad)
    )
    assert fault in " ".join(other.reports[0].in_words()) or "dips at the end" in " ".join(other.reports[0].in_words())
    assert choose_best([other, one], 2) == {1} and other.score > one.score + 0.9
    assert not {"flams", "dips"} & set(one.report)
