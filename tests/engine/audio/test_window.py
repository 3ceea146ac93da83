"""Windows: what the model sees and what it regenerates, for any region of any source."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.outpaint_window import Extension, plan_outpaint
from engine.audio.window import Window, plan_window
from engine.constants import FRAME_RATE, V1_GEOMETRY
from engine.errors import InvalidRequest
from tests.support.examples import examples

RATES = st.sampled_from([8000, 22050, 44100, 48000, 96000, 192000])


@st.composite
def _inpaint_windows(draw: st.DrawFn) -> tuple[Window, float]:
    rate = draw(RATES)
    samples = draw(st.integers(2000, rate * 900))
    start = draw(st.integers(0, samples - 1))
    end = draw(st.integers(start + 1, min(samples, start + 240 * rate)))
    context = draw(st.floats(0, 120))
    fade = draw(st.floats(0, 1))
    return plan_window(samples, rate, start / rate, end / rate, context, fade), context


@examples(300)
@given(_inpaint_windows())
def test_window_holds_region_fades_and_mask(drawn: tuple[Window, float]) -> None:
    window, context = drawn
    rate, region = window.sample_rate, window.region
    assert 0 <= window.start <= region.fade_start <= region.start < region.end <= region.fade_end <= window.end
    assert window.end <= window.source_samples
    assert (window.known_start, window.known_end) == (window.start, window.end)
    assert window.frames == window.frames_known == V1_GEOMETRY.frames_covering(window.samples, rate)
    (first, last) = window.masks[0]
    assert first == math.floor((region.fade_start - window.start) * 44100 / (rate * 4096))
    assert last == -(-(region.fade_end - window.start) * 44100 // (rate * 4096))
    assert 0 <= first < last <= window.frames
    assert window.mask().sum() == last - first
    longest = max(240 * rate, region.fade_end - region.fade_start)
    assert window.samples <= longest + 4096 * rate / 44100 + 1
    assert region.fade_start - window.start <= context * rate + 1


@examples(200)
@given(RATES, st.integers(2000, 192000 * 30), st.floats(0, 0.9), st.floats(0.1, 1))
def test_parity_mode_is_the_references_arithmetic(rate: int, samples: int, a: float, b: float) -> None:
    duration = samples / rate
    start, end = a * duration, min(duration, (a + b * (1 - a)) * duration)
    first, last = int(start * 44100 / 512 / 8), int(end * 44100 / 512 / 8)
    if duration > 240 or first == last or round(start * rate) == round(end * rate):
        return
    window = plan_window(samples, rate, start, end, None)
    assert window.parity and (window.start, window.end) == (0, samples)
    assert window.masks == ((first, min(last, window.frames)),)
    assert abs(window.region.start - first / FRAME_RATE * rate) <= 0.5
    assert window.region.end == samples or abs(window.region.end - last / FRAME_RATE * rate) <= 0.5


def test_cost_follows_the_region_not_the_song() -> None:
    short, hour = (plan_window(44100 * n, 44100, 12, 22, 5.0) for n in (30, 3600))
    assert short == hour or (short.frames, short.masks) == (hour.frames, hour.masks)


def test_context_shrinks_to_240_seconds_and_is_shared() -> None:
    window = plan_window(44100 * 600, 44100, 100, 320, 60.0)
    assert window.samples <= 240 * 44100 + 4096
    before, after = window.region.start - window.start, window.end - window.region.end
    assert abs(before - after) < 4200
    at_start = plan_window(44100 * 600, 44100, 1, 221, 60.0)
    assert at_start.start == 0 and at_start.end > 235 * 44100


@pytest.mark.parametrize(
    ("start", "end", "field", "words"),
    [
        (5, 5, "end_time", "region of some length"),
        (6, 5, "start_time", "after end_time"),
        (-1, 5, "start_time", "outpaint"),
        (10, 12, "start_time", "beyond the end"),
        (5, 10.5, "end_time", "beyond the end"),
        (math.nan, 5, "start_time", "finite"),
        (0, math.inf, "end_time", "finite"),
    ],
)
def test_wrong_regions_have_their_own_message(start: float, end: float, field: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        plan_window(441000, 44100, start, end)
    assert caught.value.field == field


def test_region_and_file_over_240_seconds() -> None:
    with pytest.raises(InvalidRequest, match="240"):
        plan_window(44100 * 600, 44100, 0, 241)
    with pytest.raises(InvalidRequest, match="context_seconds"):
        plan_window(44100 * 600, 44100, 0, 10, None)
    with pytest.raises(InvalidRequest, match="latent frame"):
        plan_window(44100, 44100, 0.5, 0.51, None)


@examples(300)
@given(RATES, st.integers(1000, 192000 * 400), st.floats(0, 240), st.floats(0, 240), st.floats(0, 120))
def test_outpaint_is_exact_and_sees_the_nearest_part(
    rate: int, samples: int, before: float, after: float, context: float
) -> None:
    left, right = round(before * rate), round(after * rate)
    if left + right == 0:
        return
    windows = plan_outpaint(samples, rate, Extension(before, after), context)
    assert min(w.output[0] for w in windows) == -left
    assert max(w.output[1] for w in windows) == samples + right
    for window in windows:
        assert 0 <= window.known_start < window.known_end <= samples
        assert window.start <= window.regions[0].start and window.end >= window.regions[-1].end
        assert window.frames == window.frames_before + window.frames_known + window.frames_after
        assert window.frames_after >= 0
        covered = window.frames * 4096 * rate / 44100
        assert covered + 2 >= window.samples
        for region, (first, last) in zip(window.regions, window.masks, strict=True):
            assert first * 4096 * rate / 44100 <= region.fade_start - window.start + 1
            assert last * 4096 * rate / 44100 >= region.fade_end - window.start - 1
        mask = window.mask()
        assert mask[: window.frames_before].all()
        assert mask[window.frames_before + window.frames_known :].all()
        longest = max(240 * rate, max(left, right) + rate)
        assert window.samples <= longest + 2 * 4096 * rate / 44100 + 2


def test_outpaint_parity_counts_frames_as_the_reference() -> None:
    (after,) = plan_outpaint(3 * 44100, 44100, Extension(0, 1.5), None)
    assert (after.frames, after.frames_before, after.masks) == (48, 0, ((33, 48),))
    (before,) = plan_outpaint(3 * 44100, 44100, Extension(1.5, 0), None)
    assert (before.frames, before.frames_before, before.masks) == (49, 16, ((0, 16),))
    (both,) = plan_outpaint(3 * 44100, 44100, Extension(1, 2.5), None)
    assert both.frames_before == 10 and both.masks[1][1] == both.frames


def test_both_ends_of_a_long_song_are_two_windows() -> None:
    windows = plan_outpaint(48000 * 600, 48000, Extension(10, 20))
    assert [w.known_start for w in windows] == [0, 48000 * 590]
    (one,) = plan_outpaint(48000 * 15, 48000, Extension(10, 20))
    assert len(one.regions) == 2


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [(0, 0, "extend_after_duration"), (-1, 2, "extend_before_duration"), (0, 241, "extend_after_duration")],
)
def test_wrong_extensions(before: float, after: float, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_outpaint(44100, 44100, Extension(before, after))
    assert caught.value.field == field
