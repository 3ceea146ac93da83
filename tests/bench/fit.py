"""`python -m tests.bench fit [FOLDER]`: how regions made by `nano` fit, on the generator's pieces or on real music.

Half of the regions are snapped to bars (of a folder's music: to attacks), half lie anywhere. FOLDER is music of any
kind that the engine reads, or one file (`music_folder.py`); `ACESTEP_FIT_REGIONS` says how many regions of each kind
(50), `ACESTEP_FIT_STEPS` how many steps the model makes; `ACESTEP_FIT_KEPT` is a folder that keeps what it made, so
that a run that was stopped goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from engine.audio import seam as seams
from engine.audio.attacks import find_attacks
from engine.audio.clicks import sharpest
from engine.audio.fade import HEARD_SECONDS, Powers, level_off_db
from engine.rendering.joining import Joined
from tests.bench.figures import Figure, Result
from tests.bench.fit_places import KINDS, Place, Renderer, generated, of_folder

FLAM_STEPS = 70
_NEAR_SECONDS = 0.4
_MOMENT_SECONDS = 0.005  # of the music beside a joint, as in the report
_SHARPER_DB = 1.0
Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Faded:
    """A fade as it was made: both pieces and their sum, (channels, n)."""

    old: NDArray[np.float64]
    new: NDArray[np.float64]
    sounding: NDArray[np.float64]

    def off_db(self, audio: NDArray[np.float32], joint: Span, rate: int) -> float:
        """How far its level is off an even passage at its worst moment, in dB, in the result `audio`."""
        beside = round(HEARD_SECONDS * rate)
        before = audio[:, max(0, joint[0] - beside) : joint[0]].astype(np.float64)
        after = audio[:, joint[1] : joint[1] + beside].astype(np.float64)
        pieces = (np.concatenate([before, part, after], axis=1) for part in (self.old, self.new, self.sounding))
        first, second, sounding = pieces
        power = np.sum(sounding**2, axis=0)
        return float(level_off_db(Powers.of(first, second), before.shape[1], self.old.shape[1], rate, power))

    def sharper_db(self, audio: NDArray[np.float32], joint: Span, rate: int) -> float:
        """How much sharper than both of its pieces the joint is in the result `audio`: what the fade itself made."""
        (before, after), sounding = _beside(audio, joint, rate)
        pieces = np.concatenate([before, self.old], axis=1), np.concatenate([self.new, after], axis=1)
        return _sharper_db(sounding, *pieces)


def fit_of(places: Iterator[Place], kind: str, count: int) -> list[Result]:
    """Figures over regions of one kind."""
    renderer, rows = Renderer(), []
    for number, place in enumerate(track(places, kind, total=count)):
        part = renderer.part(place, kind, number)
        with fades_recorded() as fades:
            joined = part.joined(place)
        rows.append(_measured(place, joined, fades))
    return _figures(rows, kind)


@contextmanager
def fades_recorded() -> Iterator[list[Faded]]:
    """Every fade that is made meanwhile."""
    made: list[Faded] = []
    plain = seams.crossfade

    def recording(old: NDArray[np.float64], new: NDArray[np.float64], rate: int) -> tuple[NDArray[np.float64], str]:
        sounding, law = plain(old, new, rate)
        made.append(Faded(old.copy(), new.copy(), sounding))
        return sounding, law

    with patch.object(seams, "crossfade", recording):
        yield made


def _law() -> list[Result]:
    """The worst tenth of long fades between noises of every likeness."""
    rng = np.random.default_rng(0)
    one, noise = rng.normal(size=(2, 2, 60000))
    worst = {"bump": 0.0, "dip": 0.0}
    for alike in np.linspace(-0.4, 1.0, 15):
        faded, _ = seams.crossfade(one, alike * one + np.sqrt(1 - alike**2) * noise, 44100)
        levels = [10 * np.log10(np.mean(part**2)) for part in np.array_split(faded, 10, axis=1)]
        worst = {"bump": max(worst["bump"], *levels), "dip": max(worst["dip"], *(-level for level in levels))}
    return [
        Figure(f"fit_{name}", f"largest {name} in fades of like to unlike noise", float(value), "dB", "<= 0.5", "law")
        for name, value in worst.items()
    ]


def doubled(source: NDArray[np.float32], result: NDArray[np.float32], rate: int, joint: tuple[int, int]) -> bool:
    """Whether two attacks within 70 ms stand on both sides of a fade, which the source does not have there."""
    near = round(_NEAR_SECONDS * rate)
    first, last = max(0, joint[0] - near), joint[1] + near
    made, own = (find_attacks(audio[:, first:last], rate).steps for audio in (result, source))
    start, stop = (1000 * (edge - first) / rate for edge in joint)
    pairs = [(a, b) for a in made for b in made if 0 < b - a < FLAM_STEPS and b > start - 2 and a < stop + 2]
    return any(not (_near(own, a) and _near(own, b)) for a, b in pairs)


def _near(steps: NDArray[np.int64], step: int) -> bool:
    return bool((np.abs(steps - step) < 8).any())


def _measured(place: Place, joined: Joined, fades: list[Faded]) -> dict[str, float]:
    seam, audio, rate = joined.reports[0], joined.audio, place.sample_rate
    before, after = joined.patches[0].joints
    joints = [joint for joint in (before, after) if joint is not None]
    late, moved = seam.tempo_phase_error_ms, seam.beat_shift_ms or 0.0
    outside = np.ones(audio.shape[1], dtype=bool)
    for first, last in joined.changed:
        outside[first:last] = False
    over = np.array([_over_db(audio, at, rate, place.audio) > 0 for at in joints])
    than_both = [fade.sharper_db(audio, at, rate) for fade, at in zip(fades, joints, strict=True)]
    loudness = seam.loudness_difference_lu
    return {
        "changed": float(((audio != place.audio).any(axis=0) & outside).sum()),
        "over": float(over.mean()),
        "over_around": float(np.mean([_over_db(audio, at, rate) > 0 for at in joints])),
        "over_untouched": float(np.mean([_over_db(place.audio, at, rate) > 0 for at in joints])),
        "over_made": float((over & (np.array(than_both) > _SHARPER_DB)).mean()),
        "double": float(np.mean([doubled(place.audio, audio, rate, joint) for joint in joints])),
        "level": max(f.off_db(audio, at, rate) for f, at in zip(fades, joints, strict=True)),
        "loudness": np.nan if loudness is None else abs(loudness),
        "beat": float(late is not None),
        "before": np.nan if late is None else abs(late - moved),
        "after": np.nan if late is None else abs(late),
    }


def _over_db(audio: NDArray[np.float32], joint: Span, rate: int, source: NDArray[np.float32] | None = None) -> float:
    """How much sharper a place is than the music around it, and than the source there where that is given."""
    own = None if source is None else _reading(source)
    return sharpest(_reading(audio), (0, audio.shape[1]), joint, rate, own).level_db


def _reading(audio: NDArray[np.float32]) -> Callable[[int, int], NDArray[np.float64]]:
    return lambda first, last: audio[:, first : max(first, last)].astype(np.float64)


def _beside(audio: NDArray[Any], joint: Span, rate: int) -> tuple[tuple[NDArray[Any], NDArray[Any]], NDArray[Any]]:
    """The 5 ms on each side of a joint, and all from the first of them to the last."""
    wide = max(4, round(_MOMENT_SECONDS * rate))
    first, last = max(0, joint[0] - wide), joint[1] + wide
    return (audio[:, first : joint[0]], audio[:, joint[1] : last]), audio[:, first:last]


def _sharper_db(samples: NDArray[Any], *others: NDArray[Any]) -> float:
    """How much sharper the sharpest moment is than that of all others, (channels, n)."""
    peaks = [float(np.abs(np.diff(part.astype(np.float64), 2)).max(initial=1e-4)) for part in (samples, *others)]
    return 20 * float(np.log10(peaks[0] / max(peaks[1:])))


def _figures(rows: list[dict[str, float]], kind: str) -> list[Result]:
    steps = os.environ.get("ACESTEP_FIT_STEPS")
    how = f"nano, {len(rows)} regions" + (f", {steps} steps" if steps else "")

    def figure(name: str, what: str, value: float, unit: str, reach: str) -> Figure:
        return Figure(f"fit_{kind}_{name}", f"{kind} regions: {what}", value, unit, reach, how)

    def column(name: str) -> NDArray[np.float64]:
        values = np.array([row[name] for row in rows])
        return values[~np.isnan(values)]

    def percentile(name: str, share: float) -> float:
        return float(np.percentile(column(name), share)) if column(name).size else float("nan")

    def share(name: str) -> float:
        return 100 * float(column(name).mean())

    def median(name: str) -> float:
        return percentile(name, 50)

    every: list[Figure] = [
        figure("changed", "samples changed outside", float(column("changed").sum()), "", "0"),
        figure("over", "joints over the music's own attacks, around and there", share("over"), "%", "<= 5"),
        figure("over_around", "over those around, the source's there or not", share("over_around"), "%", ""),
        figure("over_untouched", "and so is the untouched source there", share("over_untouched"), "%", ""),
        figure("over_made", "over, and sharper than both pieces there", share("over_made"), "%", "0"),
        figure("double", "double attacks at joints within 70 ms", share("double"), "%", "<= 5"),
        figure("level", "bump or dip at joints, median", median("level"), "dB", "<= 0.5"),
        figure("level_95", "and of 95 in 100", percentile("level", 95), "dB", "<= 0.5"),
        figure("level_most", "and of all", float(column("level").max()), "dB", ""),
        figure("loudness", "loudness off, median", median("loudness"), "LU", ""),
        figure("loudness_95", "and of 95 in 100", percentile("loudness", 95), "LU", ""),
        figure("beat", "beat compared", share("beat"), "%", ""),
        figure("phase_before", "late or early before correction, median", median("before"), "ms", ""),
        figure("phase_after", "and after it", median("after"), "ms", "< 15"),
    ]
    return [known for known in every if not np.isnan(known.value)]  # what nothing was compared with is left out


def fit(threads: int) -> list[Result]:
    """Random and snapped regions, of the generator's pieces or of the folder in `ACESTEP_FIT_FOLDER`."""
    import torch

    torch.set_num_threads(threads)
    count, folder = int(os.environ.get("ACESTEP_FIT_REGIONS", "50")), os.environ.get("ACESTEP_FIT_FOLDER")
    results: list[Result] = _law()
    for kind in KINDS:
        places = of_folder(Path(folder), kind, count) if folder else generated(kind, count)
        results += fit_of(places, kind, count)
    return results


BENCHES = {"fit": fit}
