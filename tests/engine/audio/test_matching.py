"""What is done to a new part so that it fits: tempo by stretching, brightness, width; and that the report says it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.outpaint_window import Extension, plan_outpaint
from engine.audio.seam import Fitting, Made, make_patches
from engine.audio.seam_report import SeamReport, measure
from engine.audio.surroundings import Surroundings
from engine.audio.tone import tilt_db, toned, width_db
from engine.audio.window import plan_window
from engine.rendering.joining import overlay

RATE = 22050
START, END, SECONDS = 8.0, 16.0, 24.0


def _music(seconds: float, late: float = 0.0) -> np.ndarray:
    """Hits each half second over a chord, from 8 s on slower by a share: (2, n)."""
    t = np.arange(round(seconds * RATE)) / RATE
    since = np.mod(START + (t - START) / (1 + late) - 0.15, 0.5)
    hits = np.random.default_rng(4).normal(size=(2, t.size)) * np.exp(-since * 60) * 0.3
    return hits + sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6)) * 0.03


def _report(new: np.ndarray, how: Fitting) -> SeamReport:
    """The report after `new`, of the whole length, was put into the music."""
    source = _music(SECONDS)
    window = plan_window(source.shape[1], RATE, START, END)
    region = window.regions[0]
    made = Made(new[:, region.fade_start : region.fade_end].astype(np.float32), region.fade_start)
    (patch,) = make_patches(lambda a, b: source[:, a:b].copy(), 2, made, window, how)

    def read(first: int, last: int) -> np.ndarray:
        samples = source[:, first:last].copy()
        overlay(samples, first, (patch,))
        return samples

    return measure(read, window, patch, region, 0)


@pytest.mark.parametrize("late", [0.025, -0.01])
def test_a_drift_is_stretched_out_and_said(late: float) -> None:
    report = _report(_music(SECONDS, late), Fitting(True, 0.03, True, stretch=True))
    assert report.tempo_change_percent == pytest.approx(100 * late, abs=0.15)
    assert report.tempo_phase_error_ms is not None and abs(report.tempo_phase_error_ms) < 5
    how = "faster" if late > 0 else "slower"
    assert any(f"% {how}, to the tempo" in sentence for sentence in report.in_words())


@pytest.mark.parametrize("late", [0.0, 0.05])
def test_no_drift_or_another_tempo_is_left_as_it_is(late: float) -> None:
    assert _report(_music(SECONDS, late), Fitting(True, 0.03, True, stretch=True)).tempo_change_percent is None


def test_without_stretch_the_tempo_stays() -> None:
    assert _report(_music(SECONDS, 0.02), Fitting(True, 0.03, True)).tempo_change_percent is None


@pytest.mark.parametrize(("seed", "moved_ms"), [(18, None), (4, 53.5)])
def test_a_part_is_moved_only_if_it_is_on_the_beat_then(seed: int, moved_ms: float | None) -> None:
    """Attacks at random go with the music at some shift by chance; with seed 18 they do not where they were moved."""
    rng = np.random.default_rng(seed)
    new, length = np.zeros((2, round(SECONDS * RATE))), round(0.12 * RATE)
    for at in rng.uniform(START - 0.3, END + 0.3, 14):
        hit = rng.normal(size=(2, length)) * np.exp(-np.arange(length) / RATE * 60)
        new[:, round(at * RATE) :][:, :length] += hit * rng.uniform(0.1, 0.4)
    report = _report(new, Fitting(True, 0.03, True))
    assert report.beat_shift_ms == (moved_ms if moved_ms is None else pytest.approx(moved_ms, abs=1))
    if moved_ms is not None:
        assert report.tempo_phase_error_ms is not None and abs(report.tempo_phase_error_ms) < 3


def test_brightness_and_width_follow_the_music_around_by_a_little() -> None:
    rng = np.random.default_rng(1)
    middle, side = rng.normal(0, 0.1, (2, 4 * RATE))
    like = np.stack([middle + 0.3 * side, middle - 0.3 * side])
    spectrum = np.fft.rfft(like, axis=1) * 10 ** (-np.log2(np.fft.rfftfreq(4 * RATE, 1 / RATE) / 1000 + 0.05) / 20)
    darker = np.fft.irfft(spectrum, axis=1)
    narrower = np.stack([darker.mean(axis=0) + 0.8 * (darker[i] - darker.mean(axis=0)) for i in range(2)])
    made = toned(narrower, like, RATE)
    assert made.tilt_db == pytest.approx(1.0, abs=0.15) and made.width_db == pytest.approx(1.94, abs=0.2)
    assert tilt_db(made.samples, RATE) == pytest.approx(tilt_db(like, RATE), abs=0.1)
    assert width_db(made.samples) == pytest.approx(width_db(like), abs=0.1)
    assert toned(like, like, RATE).samples is like
    assert abs(toned(0.01 * np.cumsum(narrower, axis=1), like, RATE).tilt_db) == 1.5  # never more


def test_a_match_of_tone_is_said() -> None:
    spectrum = np.fft.rfft(_music(SECONDS), axis=1)
    spectrum *= 10 ** (-np.log2(np.fft.rfftfreq(round(SECONDS * RATE), 1 / RATE) / 1000 + 0.05) / 20)
    darker = np.fft.irfft(spectrum, axis=1)
    report = _report(darker, Fitting(True, 0.03, match_tone=True))
    assert any("dB an octave brighter" in sentence for sentence in report.in_words())
    plain = _report(darker, Fitting(True, 0.03))
    assert abs(report.spectral_tilt_difference_db or 9) < 0.3 < abs(plain.spectral_tilt_difference_db or 0)


@pytest.mark.parametrize("late", [-0.05, -0.012, 0.012, 0.05])
@pytest.mark.parametrize("extension", [Extension(1.5, 0), Extension(0, 1.5)])
def test_an_extension_moves_onto_the_beat_as_far_as_there_is_something_to_fade_with(
    extension: Extension, late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond an end of the source nothing else sounds: no gap is left there, and no sample is held."""
    told = iter([late, 0.0])  # as made, and where it was moved to
    monkeypatch.setattr(Surroundings, "beat_offset", lambda *_: (None, next(told)))
    rng = np.random.default_rng(3)
    source = 0.2 * rng.standard_normal((2, 4 * RATE))
    (window,) = plan_outpaint(source.shape[1], RATE, extension, 2.0)
    made = Made(rng.normal(0, 0.1, (2, window.samples)).astype(np.float32), window.start)

    def read(first: int, last: int) -> np.ndarray:
        padded = np.pad(source, ((0, 0), (2 * RATE, 2 * RATE)))  # silence around, as a render reads it
        return padded[:, first + 2 * RATE : last + 2 * RATE].copy()

    (patch,) = make_patches(read, 2, made, window, Fitting(False, 0.03, True))
    (joint,) = [joint for joint in patch.joints if joint is not None]
    assert joint[0] >= 0 and joint[1] <= source.shape[1] and joint[1] - joint[0] >= 0.004 * RATE
    assert min(patch.position, 0) == min(window.output[0], 0)
    assert max(patch.position + patch.samples.shape[1], source.shape[1]) == max(window.output[1], source.shape[1])
    assert np.count_nonzero(np.diff(patch.samples, axis=1) == 0) == 0
    there_is_room = late < 0 or extension.before_seconds > 0  # what was made begins and ends with the extension
    assert patch.shift == pytest.approx(-late * RATE if there_is_room else 0, abs=1)
