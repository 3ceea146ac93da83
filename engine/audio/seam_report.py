"""How good a joint is, in numbers and in words; `score` chooses among candidates. Measures the finished result.

Clicks are told by `clicks`, flams and dips by `borders`. The beat is compared only where one is found on both sides.
Knows no files and no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.borders import heard_at
from engine.audio.clicks import sharpest
from engine.audio.flams import FLAM_STEPS
from engine.audio.loudness import SILENT_LUFS, loudness_lufs
from engine.audio.onsets import Onsets
from engine.audio.seam import Patch, beat_span, surroundings_of
from engine.audio.surroundings import Surroundings
from engine.audio.tone import tilt_db
from engine.audio.window import Region, Window

ReadResult = Callable[[int, int], NDArray[np.float64]]
_NEAR_SECONDS = 1.0
_IF_ANY = {
    "clicks",
    "flams",
    "dips",
    "silent",
    "joint_before",
    "joint_after",
    "joint_before_ms",
    "joint_after_ms",
    "beat_shift_ms",
    "tempo_change_percent",
    "tilt_change_db",
    "width_change_db",
    "off_the_beat",
}
_BLOCK = 1 << 16  # samples that are compared in one go: they stay in the cache
_SILENT = 10 ** (-70 / 20)  # a peak below -70 dBFS is silence: dither and rumble of an empty track are
_SILENT_SCORE = 20.0
_CHANGED_SCORE = 100.0
_OFF_THE_BEAT_SCORE = 2.0
_FLAM_SCORE, _DIP_SCORE, _CLICK_SCORE = 1.5, 1.0, 1.0  # each
WEIGHTS = {"click_db": 6.0, "loudness_lu": 4.0, "beat_ms": 40.0, "tilt_db": 3.0}  # what counts 1 in the score
_LEAST_BEAT_SECONDS = 2.0


@dataclass(frozen=True)
class SeamReport:
    """One region's joints. None where there is no joint, or nothing to compare with.

    `joint_before` and `joint_after` are the positions [start, stop) of fades that do not lie at their borders, with
    their distances from these in ms (negative: before the border). `clicks` names the joints ("start", "end") at which
    the sharpest moment stands alone and is no attack of the music; `flams` and `dips` those at which two attacks stand
    in place of one, and at which the level dips. `silent` says what no sample over -70 dBFS is in: "region",
    "surroundings" (the second on each side) or "both". The next four say what was done to the new part: later by so
    many ms, faster by so many percent, brighter in dB an octave, wider in dB. `off_the_beat`: both sides have a beat,
    and the region's attacks do not go with it at any shift, as those of another tempo.
    """

    samples_changed_outside: int
    click_before_db: float | None
    click_after_db: float | None
    loudness_difference_lu: float | None
    tempo_phase_error_ms: float | None
    spectral_tilt_difference_db: float | None
    gain_db: float = 0.0
    fade_before: str = "none"
    fade_after: str = "none"
    clicks: tuple[str, ...] | None = None
    flams: tuple[str, ...] | None = None
    dips: tuple[str, ...] | None = None
    silent: str | None = None
    joint_before: tuple[int, int] | None = None
    joint_after: tuple[int, int] | None = None
    joint_before_ms: tuple[float, float] | None = None
    joint_after_ms: tuple[float, float] | None = None
    beat_shift_ms: float | None = None
    tempo_change_percent: float | None = None
    tilt_change_db: float | None = None
    width_change_db: float | None = None
    off_the_beat: bool | None = None

    @property
    def score(self) -> float:
        """0 for a joint nobody hears; higher is worse. About 1 for each fault that a listener would name."""
        weighed = (
            max(0.0, self.click_before_db or 0.0, self.click_after_db or 0.0) / WEIGHTS["click_db"],
            abs(self.loudness_difference_lu or 0.0) / WEIGHTS["loudness_lu"],
            abs(self.tempo_phase_error_ms or 0.0) / WEIGHTS["beat_ms"],
            abs(self.spectral_tilt_difference_db or 0.0) / WEIGHTS["tilt_db"],
        )
        changed = _CHANGED_SCORE * (self.samples_changed_outside > 0)
        off = _OFF_THE_BEAT_SCORE * bool(self.off_the_beat)
        heard = _FLAM_SCORE * len(self.flams or ()) + _DIP_SCORE * len(self.dips or ())
        heard += _CLICK_SCORE * len(self.clicks or ())
        return sum(weighed) + changed + off + heard + _SILENT_SCORE * (self.silent == "region")

    def to_dict(self) -> dict[str, Any]:
        """The fields and the score, for JSON; without those that say only what applies, where it does not."""
        fields = {name: value for name, value in asdict(self).items() if value is not None or name not in _IF_ANY}
        return {**fields, "score": round(self.score, 4)}

    def in_words(self) -> list[str]:
        """One sentence a finding, for people."""
        return [sentence for sentence in _sentences(self) if sentence]


def measure(
    read: ReadResult,
    window: Window,
    patch: Patch,
    region: Region,
    changed_outside: int,
    around: Surroundings | None = None,
    source: ReadResult | None = None,
) -> SeamReport:
    """The report on one region. `read(start, stop)` gives the result by positions of the source, full scale +-1, and
    `source` what was there before, where that is known; `around` is what lies around the region there, where that was
    read before."""
    rate = window.sample_rate
    around = around or surroundings_of(read, window, region, patch.clock)
    inside = read(region.start, region.end)
    joints = _joints(window, patch, region)
    sharp = {at: sharpest(read, window.output, joint, rate, source) for at, joint in joints.items()}
    levels = {at: moment.level_db for at, moment in sharp.items()}
    faded = {at for at, joint in zip(("start", "end"), patch.joints, strict=True) if joint is not None}
    heard = {at: _heard(read, window.output, joints[at], rate, source) for at in joints if at in faded}
    late, off_the_beat = _phase_error(inside, around, region, patch.bpm)
    return SeamReport(
        samples_changed_outside=changed_outside,
        click_before_db=levels.get("start"),
        click_after_db=levels.get("end"),
        clicks=_names(sharp, lambda moment: moment.is_click),
        flams=_names(heard, lambda at: at[0]),
        dips=_names(heard, lambda at: at[1]),
        loudness_difference_lu=_loudness_difference(inside, around),
        tempo_phase_error_ms=late,
        off_the_beat=off_the_beat or None,
        spectral_tilt_difference_db=_tilt_difference(inside, around),
        gain_db=round(patch.gain_db, 3),
        fade_before=patch.fade_in,
        fade_after=patch.fade_out,
        silent=_silent(inside, around),
        beat_shift_ms=round(1000 * patch.shift / rate, 1) if patch.shift else None,
        tempo_change_percent=round(100 * (patch.speed - 1), 2) if patch.speed != 1 else None,
        tilt_change_db=round(patch.tilt_db, 2) if patch.tilt_db else None,
        width_change_db=round(patch.width_db, 2) if patch.width_db else None,
        **_places(patch, region, rate),
    )


def _heard(
    read: ReadResult, output: tuple[int, int], joint: tuple[int, int], rate: int, source: ReadResult | None
) -> tuple[bool, bool]:
    """Whether there is a flam, and a dip, at a joint, which the source has not there as well."""
    flam, dip = heard_at(read, output, joint, rate)
    if source is None or not (flam or dip):
        return flam, dip
    own = heard_at(source, output, joint, rate)
    return flam and not own[0], dip and not own[1]


def _joints(window: Window, patch: Patch, region: Region) -> dict[str, tuple[int, int]]:
    """The fades, as positions [first, last): an empty one where a part stands beside another without a fade."""
    first, last = window.output
    before, after = patch.joints
    found = {"start": before or (region.fade_start, region.start), "end": after or (region.end, region.fade_end)}
    inside = {"start": region.start > first, "end": region.end < last}
    return {at: joint for at, joint in found.items() if inside[at]}


def _names(found: Mapping[str, Any], is_so: Callable[[Any], bool]) -> tuple[str, ...] | None:
    """The joints of which something is so; None for none."""
    return tuple(at for at, what in found.items() if is_so(what)) or None


def changed_samples(source: NDArray[Any], result: NDArray[Any], position: int, patches: tuple[Patch, ...]) -> int:
    """Samples that differ between two (channels, n) arrays which start at `position`, outside of all patches."""
    changed, begin, frames = 0, 0, source.shape[1]
    for patch in (*sorted(patches, key=lambda patch: patch.position), None):
        end = frames if patch is None else min(frames, max(begin, patch.position - position))
        for start in range(begin, end, _BLOCK):
            part = slice(start, min(end, start + _BLOCK))
            changed += int(np.count_nonzero((source[:, part] != result[:, part]).any(axis=0)))
        begin = frames if patch is None else max(begin, patch.end - position)
    return changed


def _places(patch: Patch, region: Region, rate: int) -> dict[str, Any]:
    """Where the fades lie that are not at their borders."""
    borders = (
        ("before", region.fade_start, region.start, region.start),
        ("after", region.end, region.fade_end, region.end),
    )
    fields: dict[str, Any] = {}
    for (name, start, stop, border), joint in zip(borders, patch.joints, strict=True):
        if joint is not None and joint != (start, stop):
            fields[f"joint_{name}"] = joint
            fields[f"joint_{name}_ms"] = tuple(round(1000 * (edge - border) / rate, 1) for edge in joint)
    return fields


def is_silent(samples: NDArray[Any]) -> bool:
    """Whether no sample of (channels, n) is over -70 dBFS."""
    blocks = range(0, samples.shape[1], _BLOCK)  # music is known for it at its first block
    return not any(np.any(np.abs(samples[:, start : start + _BLOCK]) > _SILENT) for start in blocks)


def _silent(inside: NDArray[Any], around: Surroundings) -> str | None:
    """What is silent: "region", "surroundings" (the nearest second on each side), "both", or None."""
    near = round(_NEAR_SECONDS * around.sample_rate)
    region = is_silent(inside)
    sides = [side for side in (around.before[:, -near:], around.after[:, :near]) if side.shape[1]]
    beside = bool(sides) and all(is_silent(side) for side in sides)
    return "both" if region and beside else "region" if region else "surroundings" if beside else None


def _loudness_difference(inside: NDArray[Any], around: Surroundings) -> float | None:
    wanted, got = around.loudness_lufs, loudness_lufs(inside, around.sample_rate)
    return None if SILENT_LUFS in (wanted, got) else round(got - wanted, 2)


def _phase_error(
    inside: NDArray[Any], around: Surroundings, region: Region, bpm: float | None
) -> tuple[float | None, bool]:
    """How late the region's attacks are on the pulse and pattern around it, in ms; whether they do not go with it."""
    rate = around.sample_rate
    stop, gaps = beat_span(region, rate)
    inside = inside[:, : stop - region.start]
    pulse, late = around.beat_offset(inside, gaps, bpm)
    if late is not None:
        return round(1000 * late, 1), False
    long = inside.shape[1] >= _LEAST_BEAT_SECONDS * rate
    return None, pulse.found and long and bool(Onsets.of(inside, rate).values.any())


def _tilt_difference(inside: NDArray[Any], around: Surroundings) -> float | None:
    tilts = tilt_db(inside, around.sample_rate), around.tilt_db
    return None if tilts[0] is None or tilts[1] is None else round(tilts[0] - tilts[1], 2)


def _sentences(report: SeamReport) -> list[str | None]:
    changed = report.samples_changed_outside
    return [
        "Outside the region and its fades every sample is the source's own."
        if changed == 0
        else f"{changed} samples changed outside the region and its fades: please report this.",
        _silence_words(report.silent),
        _place_words("start", report.joint_before_ms),
        _place_words("end", report.joint_after_ms),
        _click_words("start", report.click_before_db, report.clicks),
        _click_words("end", report.click_after_db, report.clicks),
        *(f"Two attacks within {FLAM_STEPS} ms at the {at}: it may be heard as a flam." for at in report.flams or ()),
        *(f"The level dips at the {at}." for at in report.dips or ()),
        _loudness_words(report),
        _tempo_words(report.tempo_change_percent),
        _shift_words(report.beat_shift_ms),
        _beat_words(report.tempo_phase_error_ms, bool(report.off_the_beat)),
        _tone_words(report.tilt_change_db, report.width_change_db),
        _tilt_words(report.spectral_tilt_difference_db),
    ]


def _silence_words(silent: str | None) -> str | None:
    if silent == "both":
        return "The new part is silent, and so is the source around it: choose a part of the source that sounds."
    if silent == "region":
        return "The new part is silent, the source around it is not: try another seed, other tags or more variance."
    if silent == "surroundings":
        return "The source around the new part is silent: there was nothing to fit to."
    return None


def _place_words(where: str, place: tuple[float, float] | None) -> str | None:
    if place is None:
        return None
    first, last = (f"{abs(ms):.0f} ms {'before' if ms < 0 else 'after'}" for ms in place)
    return f"The fade at the {where} lies where it is heard least, from {first} the border to {last} it."


def _click_words(where: str, level: float | None, clicks: tuple[str, ...] | None) -> str | None:
    if level is None:
        return None
    if where in (clicks or ()):
        how = f"{level:.0f} dB sharper than the music around it" if level > 0 else "sharp and stands alone"
        return f"The joint at the {where} is {how}; it may be heard as a click."
    if level <= 0:
        return f"No click at the {where}: the joint is {abs(level):.0f} dB below the music's own attacks."
    over = f"{level:.0f} dB over" if round(level) else "as sharp as"
    return f"No click at the {where}: what is sharp there is an attack, {over} the music around it."


def _loudness_words(report: SeamReport) -> str | None:
    difference = report.loudness_difference_lu
    if difference is None:
        return "Loudness: nothing to compare with."
    if abs(difference) < 1:
        return "The new part is as loud as the music around it."
    how = "louder" if difference > 0 else "quieter"
    return f"The new part is {abs(difference):.1f} LU {how} than the music around it."


def _shift_words(moved: float | None) -> str | None:
    if moved is None:
        return None
    return f"The new part was moved {abs(moved):.0f} ms {'earlier' if moved < 0 else 'later'}, onto the beat around it."


def _tempo_words(percent: float | None) -> str | None:
    if percent is None:
        return None
    how = "faster" if percent > 0 else "slower"
    return f"The new part was made {abs(percent):.1f} % {how}, to the tempo of the music around it."


def _tone_words(tilt: float | None, width: float | None) -> str | None:
    changes = []
    if tilt is not None:
        changes.append(f"{abs(tilt):.1f} dB an octave {'brighter' if tilt > 0 else 'darker'}")
    if width is not None:
        changes.append(f"{abs(width):.1f} dB {'wider' if width > 0 else 'narrower'}")
    return f"The new part was made {' and '.join(changes)}, like the music around it." if changes else None


def _beat_words(error: float | None, off: bool) -> str | None:
    if off:
        return "The new part does not keep the beat of the music around it: its attacks do not go with it."
    if error is None:
        return "No steady beat was found on both sides to compare."
    how = f"{abs(error):.0f} ms {'late' if error > 0 else 'early'}"
    if abs(error) <= 20:
        return f"The beat continues ({how if round(abs(error)) else 'within a millisecond'})."
    return f"The beat is {how}."


def _tilt_words(difference: float | None) -> str | None:
    if difference is None or abs(difference) < 1:
        return None
    how = "brighter" if difference > 0 else "darker"
    return f"The new part is {how} by {abs(difference):.1f} dB an octave."
