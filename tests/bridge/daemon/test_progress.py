"""Progress: share, pace and remaining time, by a clock of the test's own; exact writing's spans."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.daemon.progress import Progress
from engine.rendering.render import spans

STAGES = st.sampled_from(["load", "encode", "denoise", "decode", "seam", "write", "dream"])


def test_remaining_time_at_an_even_pace() -> None:
    now = [100.0]
    progress = Progress(clock=lambda: now[0])
    assert progress.remaining_seconds() is None
    progress.advance("denoise", 0, 10)
    for step in range(1, 6):
        now[0] += 1.0
        progress.advance("denoise", step, 10)
    whole = 10 / 0.77  # denoising is 0.77 of the whole
    assert progress.remaining_seconds() == pytest.approx(0.15 * whole + 5, abs=0.05)
    assert progress.seconds_per_step == pytest.approx(1.0)
    now[0] += 0.5
    assert progress.remaining_seconds() == pytest.approx(0.15 * whole + 4.5, abs=0.05)


@given(st.lists(st.tuples(STAGES, st.integers(0, 30), st.integers(0, 30)), max_size=30))
def test_the_share_never_falls_and_stays_within_one(steps: list[tuple[str, int, int]]) -> None:
    progress, last = Progress(), 0.0
    for stage, step, count in steps:
        progress.advance(stage, step, count)
        assert last <= progress.share <= 1.0
        last = progress.share


@given(
    st.integers(-50, 50),
    st.integers(1, 200),
    st.lists(st.tuples(st.integers(-60, 200), st.integers(1, 50)), max_size=3),
    st.integers(1, 150),
)
def test_spans_cover_everything_once_and_call_changed_what_is(
    start: int, length: int, changes: list[tuple[int, int]], source: int
) -> None:
    changed = [[a, a + n] for a, n in changes]
    found = list(spans(start, start + length, changed, source))
    at = start
    for (first, last), made in found:
        assert first == at < last
        at = last
        for sample in (first, last - 1):
            known = 0 <= sample < source and not any(a <= sample < b for a, b in changed)
            assert made != known
    assert at == start + length
