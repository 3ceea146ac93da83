"""The joints of a finished file, without its source: clicks, flams, dips, level, beat and brightness at two borders.

Flams and dips (`borders`) are named only where the music itself does not do so all the time. Knows no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.pulse import Onsets, find_pulse
from engine.audio.seam import Patch
from engine.audio.seam_report import SeamReport, measure
from engine.audio.window import Region, plan_window

_SHOWN_SECONDS = 4.0
_PULSE_SECONDS = 10.0
_NEAR_SECONDS = 0.5
_MOST_BEATS = 2000
Span = tuple[int, int]
Fades = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FinishedReport:
    """What is heard at the borders of a region of a finished file. `beats` are the times in seconds of a steady pulse
    around it, from 4 s before the region to 4 s after it; none where there is no such pulse."""

    seam: SeamReport
    beats: tuple[float, ...] = ()

    def in_words(self) -> list[str]:
        """One sentence a finding."""
        return self.seam.in_words()[1:]  # which samples changed cannot be told without the source

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        seam = {name: value for name, value in self.seam.to_dict().items() if name != "samples_changed_outside"}
        return {
            **seam,
            "flams": list(self.seam.flams or ()),
            "dips": list(self.seam.dips or ()),
            "beats": list(self.beats),
            "words": self.in_words(),
        }


def report_on(samples: NDArray[Any], sample_rate: int, start: float, end: float, fades: Fades = ()) -> FinishedReport:
    """The report on [start, end) seconds of (channels, n). Raises InvalidRequest for a region that is none.

    `fades` are seconds [first, last) in which a joint was made; a border near none is taken for the joint itself.
    """
    audio = samples.astype(np.float64)
    window = plan_window(audio.shape[1], sample_rate, start, end)
    region = window.region
    inside = audio[:, region.start : region.end]
    patch = Patch(region.start, inside, 0.0, "none", "none", _joints(region, sample_rate, fades))

    def read(first: int, last: int) -> NDArray[np.float64]:
        return audio[:, first : max(first, last)].copy()

    seam = measure(read, window, patch, region, 0)
    return FinishedReport(seam, _beats(audio, sample_rate, start, end))


def _beats(audio: NDArray[np.float64], rate: int, start: float, end: float) -> tuple[float, ...]:
    """Times of the pulse that both sides have, near the region."""
    first, last = max(0.0, start - _SHOWN_SECONDS), min(audio.shape[1] / rate, end + _SHOWN_SECONDS)
    sides = [(max(0.0, start - _PULSE_SECONDS), start), (end, end + _PULSE_SECONDS)]
    pulse = find_pulse(
        [Onsets.of(audio[:, round(a * rate) : round(b * rate)], rate, a, for_beats=True) for a, b in sides]
    )
    if not pulse.found:
        return ()
    number = np.ceil((first - pulse.first_seconds) / pulse.period_seconds) + np.arange(_MOST_BEATS)
    times = pulse.first_seconds + number * pulse.period_seconds
    return tuple(round(float(t), 4) for t in times if t <= last)


def _joints(region: Region, rate: int, fades: Fades) -> tuple[Span | None, Span | None]:
    before = (region.fade_start, region.start) if region.fade_before else None
    after = (region.end, region.fade_end) if region.fade_after else None
    return before and _known(region.start, before, rate, fades), after and _known(region.end, after, rate, fades)


def _known(border: int, pinned: Span, rate: int, fades: Fades) -> Span:
    """The fade that is nearest to a border, or its pinned place where none is near."""
    spans = [(round(first * rate), round(last * rate)) for first, last in fades]
    near = [span for span in spans if abs(sum(span) / 2 - border) <= _NEAR_SECONDS * rate]
    return min(near, key=lambda span: abs(sum(span) / 2 - border), default=pinned)
