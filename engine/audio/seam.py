r"""Joining what the model made to its source: crossfades around the region, everything else left as it was.

    source   ############\                       /############     weights of the source
    made                 /#######################\                 weights of what was made
                  |-fade-|        region         |-fade-|

The fades lie where they are heard least (`joint`), or as the whole handles at the borders; `fade` is their law. The
loudness gain is constant over all made material, fades included, so that it cannot click. Works on float64 and knows no
files; `engine.rendering.render` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_clock import BeatClock
from engine.audio.buffer import Samples
from engine.audio.exact import match_channels
from engine.audio.fade import crossfade
from engine.audio.joint import MARGIN_SECONDS, Stretch, place_fade
from engine.audio.loudness import TRUE_PEAK_DB, gain_between_db, headroom_db, limited, loudness_lufs
from engine.audio.surroundings import Gaps, Surroundings
from engine.audio.tone import Toned, toned
from engine.audio.window import Region, Window

_CONTEXT_SECONDS = 10.0
_LONGEST_BEAT_SECONDS = 30.0
_LEAST_FADE_SECONDS = 0.008  # that stays of a fade at an end of the source when the new part is moved
_LEAST_SHIFT_SECONDS, _MOST_SHIFT_SECONDS = 0.004, 0.06
_LEAST_SHIFTED_SECONDS = 1.0
_MOST_SHORTENED_SECONDS = 0.3
Span = tuple[int, int]
ReadSource = Callable[[int, int], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Made:
    """What the model made: float32 (channels, n) at the source's rate, its first sample at `position` of the source."""

    samples: Samples
    position: int

    @property
    def end(self) -> int:
        """The position behind its last sample."""
        return self.position + self.samples.shape[1]

    def part(self, start: int, stop: int) -> NDArray[np.float64]:
        """Samples [start, stop) in positions of the source, repeated at its ends if it is a little short."""
        index = np.clip(np.arange(start, stop) - self.position, 0, self.samples.shape[1] - 1)
        return self.samples[:, index].astype(np.float64)


@dataclass(frozen=True, eq=False)
class Patch:
    """The samples that replace the source's from `position` on: fades and what is between, float64 (channels, n).

    `joints` are the positions [start, stop) of the fade at each border, None where there is none; `shift` is
    how many samples later than it was made the new part lies; `bpm` the tempo that was told, if any. `speed`, `tilt_db`
    (an octave) and `width_db` are what was changed of it.
    """

    position: int
    samples: NDArray[np.float64]
    gain_db: float
    fade_in: str
    fade_out: str
    joints: tuple[Span | None, Span | None] = (None, None)
    shift: int = 0
    bpm: float | None = None
    clock: BeatClock | None = None
    speed: float = 1.0
    tilt_db: float = 0.0
    width_db: float = 0.0

    @property
    def end(self) -> int:
        return self.position + self.samples.shape[1]

    @property
    def between_fades(self) -> Span:
        """The positions [start, end) in which nothing of the source sounds."""
        before, after = self.joints
        return before[1] if before else self.position, after[0] if after else self.end

    def is_as_made(self, most_gain_db: float) -> bool:
        """Whether it sounds as it was made, but for its place and a gain of so many dB at most."""
        return self.speed == 1 and not self.tilt_db and not self.width_db and abs(self.gain_db) <= most_gain_db


@dataclass(frozen=True)
class Fitting:
    """How made material is fitted: loudness, and how far in seconds from a border the fade may lie.

    With 0 seconds the fades are the whole handles, at the borders. A window of the reference's way keeps its splice.
    `match_tempo`: the new part is moved onto the beat around it, by 60 ms at most, where fades need not lie at the
    borders; near `bpm` where that is known, by a `clock` where it changes. `stretch`: its tempo is brought to the
    music's first, by 3 % at most. `match_tone`: its brightness and width follow the music's.
    """

    match_loudness: bool = True
    search_seconds: float = 0.0
    match_tempo: bool = False
    bpm: float | None = None
    clock: BeatClock | None = None
    stretch: bool = False
    match_tone: bool = False


def make_patches(
    read: ReadSource,
    channels: int,
    new_audio: Made,
    window: Window,
    fitting: Fitting | None = None,
    around: Surroundings | None = None,
) -> tuple[Patch, ...]:
    """One patch a region. `read(start, stop)` gives the source's samples at full scale +-1; `around` is what
    `surroundings_of` the only region found, where that was done before."""
    how = fitting or Fitting()
    return tuple(
        _patch(
            read, channels, new_audio, window, region, how, around or surroundings_of(read, window, region, how.clock)
        )
        for region in window.regions
    )


def surroundings_of(read: ReadSource, window: Window, region: Region, clock: BeatClock | None = None) -> Surroundings:
    """The source before and after a region and its fades, at most 10 s of each: what the region follows."""
    length = round(_CONTEXT_SECONDS * window.sample_rate)
    first, last = max(0, min(region.fade_start, window.source_samples)), min(region.fade_end, window.source_samples)
    last = max(0, last)
    sides = read(max(0, first - length), first), read(last, min(window.source_samples, last + length))
    starts = (region.fade_start - sides[0].shape[1]) / window.sample_rate
    return Surroundings(*sides, window.sample_rate, starts, clock)


def beat_span(region: Region, sample_rate: int) -> tuple[int, Gaps]:
    """Where the part of a region ends whose beat is compared, and its distances from its surroundings."""
    stop = min(region.end, region.start + round(_LONGEST_BEAT_SECONDS * sample_rate))
    return stop, (region.fade_before / sample_rate, (region.fade_end - stop) / sample_rate)


def _patch(
    read: ReadSource,
    channels: int,
    made: Made,
    window: Window,
    region: Region,
    how: Fitting,
    around: Surroundings,
) -> Patch:
    made, speed = _at_tempo(around, channels, made, window, region, how)
    shift = _beat_shift(around, channels, made, window, region, how)
    new = match_channels(made.part(region.fade_start - shift, region.fade_end - shift), channels)
    tone = toned(new, around.together, window.sample_rate) if how.match_tone else Toned(new)
    there = float(np.abs(read(region.fade_start, region.fade_end)).max(initial=0.0)) if how.match_loudness else 0.0
    peak = max(there, around.peak)
    gain_db = _gain_db(tone.samples, around, region, peak) if how.match_loudness else 0.0
    new = _turned(tone.samples, window.sample_rate, gain_db, peak)
    before, after = _joints(read, new, window, region, how, shift, (made.position, made.end))
    fade_in = fade_out = "none"
    first, last = region.fade_start, region.fade_end
    if before is not None:
        here = slice(before[0] - first, before[1] - first)
        new[:, here], fade_in = crossfade(read(*before), new[:, here], window.sample_rate)
    if after is not None:
        here = slice(after[0] - first, after[1] - first)
        new[:, here], fade_out = crossfade(new[:, here], read(*after), window.sample_rate)
    start, stop = before[0] if before else first, after[1] if after else last
    return Patch(
        position=start,
        samples=new[:, start - first : stop - first],
        gain_db=gain_db,
        fade_in=fade_in,
        fade_out=fade_out,
        joints=(before, after),
        shift=shift,
        bpm=how.bpm,
        clock=how.clock,
        speed=speed,
        tilt_db=tone.tilt_db,
        width_db=tone.width_db,
    )


def _gain_db(new: NDArray[np.float64], around: Surroundings, region: Region, peak: float) -> float:
    """What brings the new part to the loudness around it, with its peaks within full scale or the source's `peak`."""
    inner = new[:, region.fade_before : new.shape[1] - region.fade_after]
    gain_db = gain_between_db(loudness_lufs(inner, around.sample_rate), around.loudness_lufs)
    return min(gain_db, headroom_db(new, peak))


def _turned(new: NDArray[np.float64], rate: int, gain_db: float, peak: float) -> NDArray[np.float64]:
    """`new` at its gain; what was turned up stays below -1 dBTP, or below a source's `peak` over full scale."""
    new = new * 10 ** (gain_db / 20)
    if gain_db <= 0:
        return new
    return limited(new, rate, TRUE_PEAK_DB if peak <= 1.0 else 20 * float(np.log10(peak)))


def _beat_shift(
    around: Surroundings, channels: int, new_audio: Made, window: Window, region: Region, how: Fitting
) -> int:
    """Samples by which the new part has to lie later to be on the beat around it; 0 where that cannot be told."""
    if not (how.match_tempo and _is_free(window, region, how)):
        return 0
    rate = window.sample_rate
    stop, gaps = beat_span(region, rate)

    def late_by(shift: int) -> float | None:
        part = match_channels(new_audio.part(region.start - shift, stop - shift), channels)
        return around.beat_offset(part, gaps, how.bpm)[1]

    late = late_by(0)
    if late is None or not _LEAST_SHIFT_SECONDS <= abs(late) <= _MOST_SHIFT_SECONDS:
        return 0
    earlier, later = _room(new_audio, window, region)
    shift = min(max(-round(late * rate), -max(0, earlier)), max(0, later))
    if abs(shift) < _LEAST_SHIFT_SECONDS * rate:
        return 0
    left = late_by(shift)  # attacks that go with the music by chance alone do so elsewhere, once others are at the ends
    return shift if left is not None and abs(left) <= abs(late) - abs(shift) / rate / 2 else 0


def _room(new_audio: Made, window: Window, region: Region) -> tuple[int, int]:
    """How many samples earlier and later the new part may lie: below 0 where it is too short as it is.

    Where no music follows or comes before, nothing else would sound; beyond an end of the source a fade needs both.
    Elsewhere a fade moves into the region with it.
    """
    earlier = later = new_audio.samples.shape[1]
    fade = round(_LEAST_FADE_SECONDS * window.sample_rate)
    if region.fade_after == 0:
        earlier = new_audio.end - region.end
    elif region.end <= 0:
        earlier = new_audio.end - min(fade, region.fade_after)
    if region.fade_before == 0:
        later = region.start - new_audio.position
    elif region.start >= window.source_samples:
        later = window.source_samples - min(fade, region.fade_before) - new_audio.position
    return earlier, later


def _is_free(window: Window, region: Region, how: Fitting) -> bool:
    """Whether a region is long enough to be moved, and its fades need not lie at the borders."""
    long = region.end - region.start >= _LEAST_SHIFTED_SECONDS * window.sample_rate
    return long and how.search_seconds > 0 and not window.parity


def _at_tempo(
    around: Surroundings, channels: int, made: Made, window: Window, region: Region, how: Fitting
) -> tuple[Made, float]:
    """The new part at the tempo around it, and how much faster it became: 1.0 where that cannot be told or done.

    It keeps its beginning. Made faster it ends earlier: by as much as the fade at its end may move at most.
    """
    if not (how.stretch and _is_free(window, region, how)):
        return made, 1.0
    rate = window.sample_rate
    inside = match_channels(made.part(region.start, region.end), channels)
    speed = around.tempo_ratio(inside, (region.fade_before / rate, region.fade_after / rate), how.bpm)
    if speed is None or made.samples.shape[1] * (1 - 1 / speed) > _MOST_SHORTENED_SECONDS * rate:
        return made, 1.0
    from pedalboard import time_stretch

    samples = np.asarray(time_stretch(np.ascontiguousarray(made.samples, dtype=np.float32), float(rate), speed))
    stretched = Made(samples[:, : made.samples.shape[1]], made.position)
    return (stretched, speed) if min(_room(stretched, window, region)) >= 0 else (made, 1.0)


def _joints(
    read: ReadSource,
    new: NDArray[np.float64],
    window: Window,
    region: Region,
    how: Fitting,
    shift: int,
    made: Span,
) -> tuple[Span | None, Span | None]:
    """Where the fades at the start and at the end lie, as positions of the source. `made`: what was made, unmoved."""
    before = (region.fade_start, region.start) if region.fade_before else None
    after = (region.end, region.fade_end) if region.fade_after else None
    short = max(0, region.fade_end - made[1])  # what a part that was made faster lacks at its end
    inward = round(how.search_seconds * window.sample_rate) + abs(shift) + short
    inward = min(inward, (region.end - region.start) // 4)
    if window.parity or how.search_seconds <= 0 or inward <= 0:
        return before, after
    known = max(region.fade_start, made[0] + shift), min(region.fade_end, made[1] + shift)
    if before is not None:
        free = max(before[0], known[0]), min(before[1] + inward, window.source_samples)
        before = _placed(read, new, window, region, free, before, known)
    if after is not None:
        free = max(after[0] - inward, 0), min(after[1], known[1])
        after = _placed(read, new, window, region, free, after, known)
    return before, after


def _placed(
    read: ReadSource,
    new: NDArray[np.float64],
    window: Window,
    region: Region,
    free: Span,
    border: Span,
    known: Span,
) -> Span:
    """The best place within `free` for the fade that lies at `border` when it is pinned; `new` is made in `known`."""
    margin = round(MARGIN_SECONDS * window.sample_rate)
    start, stop = free[0] - margin, free[1] + margin
    old_known = max(start, 0) - start, min(stop, window.source_samples) - start
    new_known = max(start, known[0]) - start, min(stop, known[1]) - start
    placed_new = np.zeros((new.shape[0], stop - start))
    offset = start - region.fade_start
    placed_new[:, slice(*new_known)] = new[:, new_known[0] + offset : new_known[1] + offset]
    pair = ((read(start, stop), old_known), (placed_new, new_known))
    (first, first_known), (second, second_known) = pair if border[0] < region.start else pair[::-1]
    at, length = place_fade(
        Stretch(
            first=first,
            second=second,
            sample_rate=window.sample_rate,
            low=free[0] - start,
            high=free[1] - start,
            pinned=border[0] - start,
            fade=border[1] - border[0],
            first_known=first_known,
            second_known=second_known,
            second_is_made=border[0] < region.start,
        )
    )
    return at + start, at + start + length
