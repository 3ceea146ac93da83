"""The words of a report against faults put into clean music: click, flam, dip, slip of tempo, step of level."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.finished_report import report_on
from engine.audio.flams import is_flam

RATE = 22050
START, END = 8.0, 14.0
SAID = {
    "click": "heard as a click",
    "flam": "flam",
    "dip": "dips at the end",
    "late": "The beat is",
    "loud": "louder than the music",
}


def _music(seed: int, seconds: float = 22.0) -> np.ndarray:
    """Hits each half second, off the borders, over a held chord: (2, n)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    since = np.mod(t - 0.15, 0.5)
    hits = rng.normal(size=(2, t.size)) * np.exp(-since * 60) * 0.3
    return hits + sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6)) * 0.03


def _spoiled(fault: str) -> np.ndarray:
    audio = _music(1)
    inside = slice(round(START * RATE), round(END * RATE))
    at = round(END * RATE)
    if fault == "click":
        audio[:, at + 150] += 1.5
    if fault == "flam":
        burst = np.random.default_rng(3).normal(size=(2, 1500)) * np.exp(-np.arange(1500) / RATE * 60) * 0.4
        for place in (at - 300, at + 600):
            audio[:, place : place + 1500] += burst
    if fault == "dip":
        audio[:, at - 300 : at + 350] *= 0.15
    if fault == "late":
        audio[:, inside] = _music(1)[:, inside.start - 1000 : inside.stop - 1000]
    if fault == "loud":
        audio[:, inside] *= 1.8
    return audio


@pytest.mark.parametrize("fault", sorted(SAID))
def test_a_fault_is_named(fault: str) -> None:
    assert SAID[fault] in " ".join(report_on(_spoiled(fault), RATE, START, END).in_words())


@pytest.mark.parametrize("on_the_border", [False, True])
def test_clean_music_has_none(on_the_border: bool) -> None:
    late = round((START % 0.5 - 0.15) % 0.5 * RATE) if on_the_border else 0
    report = report_on(np.roll(_spoiled("none"), late, axis=1), RATE, START, END)
    words = " ".join(report.in_words())
    assert not any(said in words for said in SAID.values()) and "The beat continues" in words
    assert np.allclose(np.diff(report.beats), 0.5, atol=0.005) and len(report.beats) > 20
    assert "samples_changed_outside" not in report.to_dict() and report.to_dict()["words"]


def test_what_is_sharp_beside_a_fade_whose_place_is_known_is_no_click() -> None:
    """The fade lies behind an attack of the source that is on the border; else the attack is taken for it."""
    audio = _music(1)
    audio[:, round(START * RATE) - 40] += 1.5
    unknown, known = (report_on(audio, RATE, START, END, fades) for fades in ((), ((START + 0.02, START + 0.04),)))
    assert unknown.seam.clicks == ("start",) and known.seam.clicks is None
    assert known.seam.joint_before_ms == (20.0, 40.0) and known.seam.joint_after is None
    assert "from 20 ms after the border to 40 ms after it" in " ".join(known.in_words())


def _drums(times: list[float], seconds: float = 8.0) -> np.ndarray:
    """Drums, each of its own pitch and noise, over a held chord: (2, n)."""
    rng = np.random.default_rng(2)
    t = np.arange(round(0.25 * RATE)) / RATE
    out = _music(1, seconds + 0.5)[:, : round(seconds * RATE)] * 0.05
    for time in times:
        drum = np.sin(2 * np.pi * rng.uniform(50, 90) * t) * np.exp(-t * 14) * 0.5
        drum += rng.normal(0, 0.2, t.size) * np.exp(-t * rng.uniform(20, 60))
        first = round(time * RATE)
        out[:, first : first + t.size] += drum[: out.shape[1] - first]
    return out


@pytest.mark.parametrize("apart", [0.02, 0.03, 0.06])
def test_a_second_drum_under_the_decay_of_the_first_is_a_flam(apart: float) -> None:
    """It raises the level by less than 4 dB."""
    beats = [0.5 * k for k in range(1, 15)]
    assert is_flam(_drums([*beats, 4.0 + apart]), RATE, (4.0, 4.03))
    assert not is_flam(_drums([*beats, 3.0 + apart]), RATE, (4.0, 4.03))  # elsewhere
    assert not is_flam(_drums([*beats, 4.1]), RATE, (4.0, 4.03))  # so far apart it is a rhythm


def test_a_roll_has_no_flam() -> None:
    assert not is_flam(_drums([0.2 + 0.05 * k for k in range(145)]), RATE, (4.0, 4.03))


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.3, 3.0])
def test_silence_and_little_audio_have_no_flam(seconds: float) -> None:
    assert not is_flam(np.zeros((2, round(seconds * RATE))), RATE, (seconds / 2, seconds / 2))


@pytest.mark.parametrize("height", [0.0, 0.15])
def test_a_click_between_sparse_drums_is_named_though_they_are_sharper(height: float) -> None:
    """Drums each second, of noise that is 16 dB sharper than the click."""
    rng = np.random.default_rng(4)
    since = np.mod(np.arange(20 * RATE) / RATE, 1.0)
    audio = rng.normal(0, 1, (2, since.size)) * (np.exp(-since * 60) * 0.3 + 1e-5)
    audio[:, round(8.5 * RATE) - 60] += height
    report = report_on(audio, RATE, 8.5, 13.5)
    assert report.seam.clicks == (("start",) if height else None) and report.seam.click_before_db < 0
    assert ("stands alone" in " ".join(report.in_words())) == bool(height)
