"""`python -m tests.bench fit [FOLDER]`: how regions made by `nano` fit, on the generator's pieces or on real music.

Half of the regions are snapped to bars (of a folder's music: to attacks), half lie anywhere. FOLDER holds wav, flac,
ogg or mp3; `ACESTEP_FIT_REGIONS` says how many regions of each kind (50), `ACESTEP_FIT_STEPS` how many steps the model
makes; `ACESTEP_FIT_KEPT` is a folder that keeps what it made, so that a run that was stopped goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from engine.audio import seam as seams
from engine.audio.attacks import find_attacks
from engine.audio.fade import HEARD_SECONDS, Powers, level_off_db
from engine.audio.seam_report import SeamReport, measure
from engine.audio.window import plan_window
from engine.rendering.joining import Joined
from tests.bench.figures import Figure, Result
from tests.bench.fit_places import KINDS, Place, Renderer, generated, of_folder

FLAM_STEPS = 70
_NEAR_SECONDS = 0.4
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
    seam, audio = joined.reports[0], joined.audio
    before, after = joined.patches[0].joints
    joints = [joint for joint in (before, after) if joint is not None]
    late, moved = seam.tempo_phase_error_ms, seam.beat_shift_ms or 0.0
    outside = np.ones(audio.shape[1], dtype=bool)
    for first, last in joined.changed:
        outside[first:last] = False
    return {
        "changed": float(((audio != place.audio).any(axis=0) & outside).sum()),
        "over": _over(seam),
        "over_untouched": _over(_untouched(place, joined)),
        "double": float(np.mean([doubled(place.audio, audio, place.sample_rate, joint) for joint in joints])),
        "level": max(f.off_db(audio, at, place.sample_rate) for f, at in zip(fades, joints, strict=True)),
        "loudness": abs(seam.loudness_difference_lu or 0.0),
        "beat": float(late is not None),
        "before": np.nan if late is None else abs(late - moved),
        "after": np.nan if late is None else abs(late),
    }


def _over(seam: SeamReport) -> float:
    """Share of the joints that are sharper than the music's own attacks around them."""
    return float(np.mean([(level or -1) > 0 for level in (seam.click_before_db, seam.click_after_db)]))


def _untouched(place: Place, joined: Joined) -> SeamReport:
    """The report on the same joints of the source, as if it had been made so."""
    window = plan_window(place.audio.shape[1], place.sample_rate, place.start, place.end)

    def read(first: int, last: int) -> NDArray[np.float64]:
        return place.audio[:, first : max(first, last)].astype(np.float64)

    return measure(read, window, joined.patches[0], window.region, 0)


def _figures(rows: list[dict[str, float]], kind: str) -> list[Result]:
    steps = os.environ.get("ACESTEP_FIT_STEPS")
    how = f"nano, {len(rows)} regions" + (f", {steps} steps" if steps else "")

    def figure(name: str, what: str, value: float, unit: str, reach: str) -> Result:
        return Figure(f"fit_{kind}_{name}", f"{kind} regions: {what}", value, unit, reach, how)

    def column(name: str) -> NDArray[np.float64]:
        return np.array([row[name] for row in rows])

    def median(name: str) -> float:
        known = column(name)[~np.isnan(column(name))]
        return float(np.median(known)) if known.size else float("nan")

    return [
        figure("changed", "samples changed outside", float(column("changed").sum()), "", "0"),
        figure("over", "joints over the music's own attacks", 100 * column("over").mean(), "%", "<= 5"),
        figure("over_untouched", "and of the untouched source there", 100 * column("over_untouched").mean(), "%", ""),
        figure("double", "double attacks at joints within 70 ms", 100 * column("double").mean(), "%", "<= 5"),
        figure("level", "bump or dip at joints, median", median("level"), "dB", "<= 0.5"),
        figure("level_95", "and of 95 in 100", float(np.percentile(column("level"), 95)), "dB", "<= 0.5"),
        figure("level_most", "and of all", float(column("level").max()), "dB", ""),
        figure("loudness", "loudness off, median", median("loudness"), "LU", ""),
        figure("loudness_95", "and of 95 in 100", float(np.percentile(column("loudness"), 95)), "LU", ""),
        figure("beat", "beat compared", 100 * column("beat").mean(), "%", ""),
        figure("phase_before", "late or early before correction, median", median("before"), "ms", ""),
        figure("phase_after", "and after it", median("after"), "ms", "< 15"),
    ]


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
