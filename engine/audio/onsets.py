"""Where sound begins, each 5 ms: in the whole spectrum, the bass, by loudness and by that of drums' bodies: pulses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from engine.audio.beat_clock import BeatClock
from engine.audio.steady_grid import BeatOdds
from engine.audio.tempo import onset_envelope
from engine.audio.tones import Tones

Band = Literal["all", "low", "level", "body"]
BANDS: tuple[Band, ...] = ("all", "low")  # those that a period is told by
STEP_SECONDS = 0.005
_EDGE_SECONDS = 0.03  # audio that begins or is cut there is no onset
_LEAST_RISE = 1e-3
_LEAST_ATTACK = 0.06  # the strongest rise below which there are only slow swells
_LOWEST_HZ, _LOW_HZ = 25.0, 180.0
_LOW_WINDOW_SECONDS = 0.046
_LOW_FLOOR = 0.03  # of the loudest bin of the bass
_LEAST_LOW_ATTACK = 0.2
_LEVEL_WINDOW_SECONDS = 0.012
_BODY_HZ = 110.0, 400.0  # of a kick's beater and a snare's shell; held bass and hats have little there
_AUDIBLE_LOW = 3e-3  # of the loudest moment of the whole


@dataclass(frozen=True)
class Onsets:
    """Onset strengths (n,) at `times` in seconds, (n,), evenly 5 ms apart but for gaps between stretches.

    `values` are rises of the whole log spectrum, `low` of that below 180 Hz, all 0 where there are no attacks; `level`
    are rises of the level itself, in which the loud attacks count more, `body` those of the level from 110 to 400 Hz.
    `tones` and `odds` of beats are those of one stretch, where somebody asked for them.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    level: NDArray[np.float64]
    body: NDArray[np.float64]
    tones: Tones | None = None
    odds: BeatOdds | None = None

    @staticmethod
    def of(samples: NDArray[Any], sample_rate: int, start_seconds: float = 0.0, for_beats: bool = False) -> Onsets:
        """The onsets of (channels, n), the first sample at `start_seconds`; `for_beats` with `tones` and `odds`."""
        if samples.shape[1] < 0.2 * sample_rate:
            return Onsets(*np.zeros((5, 0)))
        envelope, offset = onset_envelope(samples, sample_rate)
        seconds = samples.shape[1] / sample_rate
        times = np.arange(envelope.size) * max(1, round(STEP_SECONDS * sample_rate)) / sample_rate + offset
        inside = (times > _EDGE_SECONDS) & (times < seconds - _EDGE_SECONDS)
        values = _attacks(envelope, inside, _LEAST_ATTACK)
        low = _attacks(_at(times, *_low_rises(samples, sample_rate)), inside, _LEAST_LOW_ATTACK)
        mono = samples.mean(axis=0).astype(np.float64)
        level, body = (
            np.where(inside, _at(times, *_level_rises(part, sample_rate)), 0.0)
            for part in (mono, _body(mono, sample_rate))
        )
        onsets = Onsets(times + start_seconds, values, low, level, body)
        if not for_beats:
            return onsets
        heard = Tones.of(samples, sample_rate, start_seconds), BeatOdds.of(samples, sample_rate, start_seconds)
        return replace(onsets, tones=heard[0], odds=heard[1])

    def and_then(self, other: Onsets) -> Onsets:
        """Both stretches, as one, without their tones and odds."""
        return _onsets(np.concatenate(pair) for pair in zip(self._fields, other._fields, strict=True))

    def later(self, seconds: float) -> Onsets:
        """The same, so much later."""
        tones, odds = self.tones and self.tones.later(seconds), self.odds and self.odds.later(seconds)
        return replace(self, times=self.times + seconds, tones=tones, odds=odds)

    def on(self, clock: BeatClock | None) -> Onsets:
        """A stretch without gaps at the times that a clock shows, again 5 ms apart; the same without a clock."""
        if clock is None or not self.times.size:
            return self
        shown = clock.shown(self.times)
        times = np.arange(shown[0], shown[-1], STEP_SECONDS)
        values = (_at(times, shown, field) for field in self._fields[1:])
        tones, odds = self.tones and self.tones.on(clock), self.odds and self.odds.on(clock)
        return replace(_onsets([times, *values]), tones=tones, odds=odds)

    def halves(self) -> list[Onsets]:
        """Its two halves, without tones and odds."""
        middle = self.times.size // 2
        return [_onsets(field[part] for field in self._fields) for part in (slice(middle), slice(middle, None))]

    def band(self, name: Band) -> NDArray[np.float64]:
        """Its strengths, (n,)."""
        return {"all": self.values, "low": self.low, "level": self.level, "body": self.body}[name]

    @property
    def _fields(self) -> tuple[NDArray[np.float64], ...]:
        return self.times, self.values, self.low, self.level, self.body

    @cached_property
    def attacks(self) -> dict[Band, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Times and strengths of a band where there are any, in half of the steps or fewer: (k,) each."""
        bands: tuple[Band, ...] = ("all", "low", "level", "body")
        struck = {band: np.flatnonzero(self.band(band)) for band in bands}
        return {band: (self.times[index], self.band(band)[index]) for band, index in struck.items()}

    @property
    def any(self) -> bool:
        """Whether there is any attack."""
        return bool(self.values.any() or self.low.any())

    @property
    def seconds(self) -> float:
        """Length without gaps."""
        return self.values.size * STEP_SECONDS


def _onsets(fields: Iterable[NDArray[np.float64]]) -> Onsets:
    """From times and the four strengths."""
    times, values, low, level, body = fields
    return Onsets(times, values, low, level, body)


def _attacks(envelope: NDArray[np.float64], inside: NDArray[np.bool_], least: float) -> NDArray[np.float64]:
    """What rises above the usual, 0 everywhere where no rise is an attack."""
    values = np.where(inside, np.maximum(envelope - np.median(envelope), 0), 0.0)
    return values if values.mean() >= _LEAST_RISE and values.max() >= least else values * 0


def _low_rises(samples: NDArray[Any], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in seconds and rises of the log spectrum below 180 Hz, against the loudest there."""
    mono = samples.mean(axis=0).astype(np.float64)
    hop, size = max(1, round(STEP_SECONDS * sample_rate)), 1 << round(np.log2(_LOW_WINDOW_SECONDS * sample_rate))
    padded = np.concatenate([np.zeros(size), mono, np.zeros(size)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]  # (F, size)
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    low = (hertz >= _LOWEST_HZ) & (hertz < _LOW_HZ)
    times = (np.arange(1, len(frames)) * hop - size / 2) / sample_rate
    spectrum, loudest = [], 0.0
    for block in (frames[i : i + 512] for i in range(0, len(frames), 512)):
        whole = np.abs(np.fft.rfft(block * np.hanning(size)))
        spectrum.append(whole[:, low])
        loudest = max(loudest, float(whole.max(initial=0.0)))
    magnitudes = np.concatenate(spectrum)  # (F, bins)
    top = float(magnitudes.max(initial=0.0))
    if top <= _AUDIBLE_LOW * loudest or top <= 0:
        return times, np.zeros(times.size)
    return times, np.maximum(np.diff(np.log(_LOW_FLOOR + magnitudes / top), axis=0), 0).mean(axis=1)


def _body(mono: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """What of a piece (n,) lies between 110 and 400 Hz."""
    return np.asarray(sosfilt(butter(2, _BODY_HZ, "bandpass", fs=sample_rate, output="sos"), mono))


def _level_rises(mono: NDArray[np.float64], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in seconds and rises of the level of a piece (n,), at full scale."""
    hop, size = max(1, round(STEP_SECONDS * sample_rate)), 1 << round(np.log2(_LEVEL_WINDOW_SECONDS * sample_rate))
    padded = np.concatenate([np.zeros(size), mono, np.zeros(size)])
    power = oaconvolve(padded**2, np.hanning(size) ** 2 / size, "valid")[::hop]
    times = (np.arange(1, power.size) * hop - size / 2) / sample_rate
    return times, np.maximum(np.diff(np.sqrt(np.maximum(power, 0.0))), 0.0)


def _at(times: NDArray[np.float64], known: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(times, known, values)
