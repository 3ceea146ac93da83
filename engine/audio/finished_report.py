"""The joints of a finished file, without its source: clicks, flams, dips, level, beat and brightness at two borders.

A flam is two attacks within 70 ms at a border (`flams`); a dip is 30 ms at a border that lie 9 dB under what is before
and after. Either is named only where the music itself does not do so all the time. Knows no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.attacks import levels
from engine.audio.flams import FLAM_STEPS, is_flam
from engine.audio.pulse import Onsets, find_pulse
from engine.audio.seam import Patch
from engine.audio.seam_report import SeamReport, measure
from engine.audio.window import Region, plan_window

_AROUND_STEPS = 4000
_PULSE_SECONDS = 10.0
_MOST_BEATS = 2000
_DIP_DB = 9.0
_DIP_STEPS, _SIDE_STEPS = 30, 60
_USUAL_PERCENTILE, _MORE_DB = 99.0, 3.0  # of the music's own gaps, as before its attacks


@dataclass(frozen=True)
class FinishedReport:
    """What is heard at the borders of a region of a finished file. `beats` are the times in seconds of a steady pulse
    around it, from 4 s before the region to 4 s after it; none where there is no such pulse."""

    seam: SeamReport
    flams: tuple[str, ...]
    dips: tuple[str, ...]
    beats: tuple[float, ...] = ()

    def in_words(self) -> list[str]:
        """One sentence a finding."""
        words = self.seam.in_words()[1:]  # which samples changed cannot be told without the source
        words += [
            f"Two attacks within {FLAM_STEPS} ms at the {where}: it may be heard as a flam." for where in self.flams
        ]
        return words + [f"The level dips at the {where}." for where in self.dips]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        seam = {name: value for name, value in self.seam.to_dict().items() if name != "samples_changed_outside"}
        return {
            **seam,
            "flams": list(self.flams),
            "dips": list(self.dips),
            "beats": list(self.beats),
            "words": self.in_words(),
        }


def report_on(samples: NDArray[Any], sample_rate: int, start: float, end: float) -> FinishedReport:
    """The report on [start, end) seconds of (channels, n). Raises InvalidRequest for a region that is none."""
    audio = samples.astype(np.float64)
    window = plan_window(audio.shape[1], sample_rate, start, end)
    region = window.region
    inside = audio[:, region.start : region.end]
    patch = Patch(region.start, inside, 0.0, "none", "none", _joints(region))

    def read(first: int, last: int) -> NDArray[np.float64]:
        return audio[:, first : max(first, last)].copy()

    seam = measure(read, window, patch, region, 0)
    borders = [("start", start)] * (region.fade_before > 0) + [("end", end)] * (region.fade_after > 0)
    flams = tuple(name for name, seconds in borders if _flam(audio, sample_rate, seconds))
    dips = tuple(name for name, seconds in borders if _dip(audio, sample_rate, seconds))
    return FinishedReport(seam, flams, dips, _beats(audio, sample_rate, start, end))


def _beats(audio: NDArray[np.float64], rate: int, start: float, end: float) -> tuple[float, ...]:
    """Times of the pulse that both sides have, near the region."""
    first, last = max(0.0, start - _AROUND_STEPS / 1000), min(audio.shape[1] / rate, end + _AROUND_STEPS / 1000)
    sides = [(max(0.0, start - _PULSE_SECONDS), start), (end, end + _PULSE_SECONDS)]
    pulse = find_pulse([Onsets.of(audio[:, round(a * rate) : round(b * rate)], rate, a) for a, b in sides])
    if not pulse.found:
        return ()
    number = np.ceil((first - pulse.first_seconds) / pulse.period_seconds) + np.arange(_MOST_BEATS)
    times = pulse.first_seconds + number * pulse.period_seconds
    return tuple(round(float(t), 4) for t in times if t <= last)


def _joints(region: Region) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    before = (region.fade_start, region.start) if region.fade_before else None
    return before, (region.end, region.fade_end) if region.fade_after else None


def _near(audio: NDArray[np.float64], rate: int, seconds: float) -> tuple[NDArray[np.float64], float]:
    """The 4 s on each side of a border, and where the border lies there in steps."""
    first = max(0, round((seconds - _AROUND_STEPS / 1000) * rate))
    return audio[:, first : round((seconds + _AROUND_STEPS / 1000) * rate)], 1000 * (seconds - first / rate)


def _flam(audio: NDArray[np.float64], rate: int, seconds: float) -> bool:
    part, border = _near(audio, rate, seconds)
    return is_flam(part, rate, border / 1000)


def _dip(audio: NDArray[np.float64], rate: int, seconds: float) -> bool:
    part, border = _near(audio, rate, seconds)
    power = levels(part, rate)
    at = np.arange(_SIDE_STEPS + _DIP_STEPS, power.size - _SIDE_STEPS - 2 * _DIP_STEPS)
    sums = np.concatenate([[0.0], np.cumsum(power)]) + 1e-12 * np.arange(power.size + 1)

    def level(first: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
        return 10 * np.log10((sums[first + steps] - sums[first]) / steps)

    beside = np.minimum(level(at - _SIDE_STEPS, _SIDE_STEPS), level(at + _DIP_STEPS, _SIDE_STEPS))
    depth = beside - level(at, _DIP_STEPS)
    here = np.abs(at + _DIP_STEPS / 2 - border) <= _DIP_STEPS
    if not here.any() or here.all():
        return False
    usual = float(np.percentile(depth[~here], _USUAL_PERCENTILE)) + _MORE_DB
    return float(depth[here].max()) > max(_DIP_DB, usual)
