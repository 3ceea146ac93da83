"""`python -m tests.bench fit [FOLDER]`: how regions made by `nano` fit, on the generator's pieces or on real music.

Half of the regions are snapped to bars (of a folder's music: to attacks), half lie anywhere. FOLDER holds wav, flac,
ogg or mp3; `ACESTEP_FIT_REGIONS` says how many regions of each kind (50), `ACESTEP_FIT_STEPS` how many steps the model
makes. With `ACESTEP_FIT_KEPT` naming a file, a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio import seam as seams
from engine.audio.attacks import find_attacks
from tests.bench.figures import Figure, Result

KINDS = ("random", "snapped")
FLAM_STEPS = 70
_SECONDS = 20.0
_NEAR_SECONDS = 0.4
_SHORTEST_SECONDS = 14.0
_ENDINGS = {".wav", ".flac", ".ogg", ".mp3"}


@dataclass(frozen=True, eq=False)
class Place:
    """A region to regenerate: source (channels, n), its rate, borders in seconds, tempo where it is known."""

    audio: NDArray[np.float32]
    sample_rate: int
    start: float
    end: float
    bpm: float | None


def generated(kind: str, count: int) -> Iterator[Place]:
    """Regions of the generator's pieces, one a piece."""
    from engine.training.music.arrange import Wish, make_score
    from engine.training.music.synthesis import render

    rng = np.random.default_rng(KINDS.index(kind))
    for number in range(count):
        seed = 7000 + number
        score = make_score(seed, _SECONDS, Wish(steady=True))
        bars = [bar.start for bar in score.bars if 4 < bar.start < _SECONDS - 4]
        start, end = rng.uniform(4, 10), rng.uniform(11, 15)
        if kind == "snapped" and len(bars) > 1:
            start, end = bars[0], bars[min(len(bars) - 1, 2)]
        yield Place(render(score, seed).audio, 44100, float(start), float(end), score.bars[0].bpm)


def _paths(folder: Path) -> list[Path]:
    """A folder's music, but for what is too short."""
    import soundfile

    paths = sorted({p.resolve() for p in folder.rglob("*") if p.suffix.lower() in _ENDINGS})
    return [p for p in paths if soundfile.info(p).duration > _SHORTEST_SECONDS]


def music_of_folder(folder: Path) -> Iterator[tuple[NDArray[np.float32], int]]:
    """20 s from the middle of each piece of a folder, (channels, n), with its rate."""
    import soundfile

    for path in _paths(folder):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        first = max(0, (samples.shape[0] - round(_SECONDS * rate)) // 2)
        yield np.ascontiguousarray(samples[first : first + round(_SECONDS * rate), :2].T), rate


def of_folder(folder: Path, kind: str, count: int) -> Iterator[Place]:
    """Regions of a folder's music, in turns over its files; those too short are left out."""
    import soundfile

    rng = np.random.default_rng(KINDS.index(kind))
    paths = _paths(folder)
    for number in range(count if paths else 0):
        samples, rate = soundfile.read(paths[number % len(paths)], dtype="float32", always_2d=True)
        first = round(rng.uniform(0, max(0.0, samples.shape[0] / rate - _SECONDS)) * rate)
        audio = np.ascontiguousarray(samples[first : first + round(_SECONDS * rate), :2].T)
        start, end = rng.uniform(4, 6), rng.uniform(7.5, 10)
        if kind == "snapped":
            start, end = (_attack_near(audio, rate, seconds) for seconds in (start, end))
        yield Place(audio, rate, float(start), float(end), None)


def fit_of(places: Iterator[Place], kind: str) -> list[Result]:
    """Figures over regions of one kind."""
    import engine

    model = engine.load("nano", device="cpu")
    rows = _kept(kind)
    steps = {"number_of_steps": int(os.environ["ACESTEP_FIT_STEPS"])} if "ACESTEP_FIT_STEPS" in os.environ else {}
    for number, place in enumerate(places):
        if number < len(rows):
            continue
        audio = engine.Audio(place.audio, place.sample_rate)
        fields = {**steps, "tempo": place.bpm} if place.bpm else steps
        request = engine.Inpaint(
            audio=audio, tags="instrumental", start_time=place.start, end_time=place.end, seed=number, **fields
        )
        with fades_recorded() as fades:
            result = model.render(request)
        rows.append({**_measured(place, result), "level": max(abs(off) for off in fades)})
        _keep(kind, rows[-1])
    return _figures(rows, kind)


@contextmanager
def fades_recorded() -> Iterator[list[float]]:
    """How far the level of each fade that is made meanwhile is off, in dB."""
    made: list[float] = []
    plain = seams.crossfade

    def recording(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
        faded, law = plain(old, new)
        made.append(level_off_db(old, new, faded))
        return faded, law

    seams.crossfade = recording
    try:
        yield made
    finally:
        seams.crossfade = plain


def level_off_db(old: NDArray[np.float64], new: NDArray[np.float64], faded: NDArray[np.float64]) -> float:
    """The power of a fade against that of its two sides, each at its share of an even power: 0 is neither bump nor dip.

    Silence is 0."""
    share = np.sin((np.arange(old.shape[1]) + 0.5) / old.shape[1] * np.pi / 2) ** 2
    wanted = float((old**2 * (1 - share) + new**2 * share).sum())
    return 10 * float(np.log10(max(float((faded**2).sum()), 1e-12) / max(wanted, 1e-12))) if wanted > 1e-9 else 0.0


def _law() -> list[Result]:
    """The worst tenth of long fades between noises of every likeness."""
    rng = np.random.default_rng(0)
    one, noise = rng.normal(size=(2, 2, 60000))
    worst = {"bump": 0.0, "dip": 0.0}
    for alike in np.linspace(-0.4, 1.0, 15):
        faded, _ = seams.crossfade(one, alike * one + np.sqrt(1 - alike**2) * noise)
        levels = [10 * np.log10(np.mean(part**2)) for part in np.array_split(faded, 10, axis=1)]
        worst = {"bump": max(worst["bump"], *levels), "dip": max(worst["dip"], *(-level for level in levels))}
    return [
        Figure(f"fit_{name}", f"largest {name} in fades of like to unlike noise", float(value), "dB", "<= 0.5", "law")
        for name, value in worst.items()
    ]


def _kept(kind: str) -> list[dict[str, float]]:
    """Rows of a run before, of this kind."""
    path = os.environ.get("ACESTEP_FIT_KEPT")
    if not path or not Path(path).exists():
        return []
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [row["row"] for row in rows if row["kind"] == kind]


def _keep(kind: str, row: dict[str, float]) -> None:
    path = os.environ.get("ACESTEP_FIT_KEPT")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps({"kind": kind, "row": row}) + "\n")


def joints_of(report: dict[str, object], seam: dict[str, object], fade: int) -> list[tuple[int, int]]:
    """The fades at both borders, as positions of the source."""
    start, end = report["region"]  # type: ignore[misc]
    first, last = seam.get("joint_before"), seam.get("joint_after")
    return [tuple(first or (start - fade, start)), tuple(last or (end, end + fade))]  # type: ignore[arg-type]


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


def _measured(place: Place, result: object) -> dict[str, float]:
    report = result.report  # type: ignore[attr-defined]
    audio = result.audio  # type: ignore[attr-defined]
    seam = report["seam_report"]
    joints = joints_of(report, seam, round(0.03 * place.sample_rate))
    late, moved = seam["tempo_phase_error_ms"], seam.get("beat_shift_ms") or 0.0
    outside = np.ones(audio.shape[1], dtype=bool)
    for first, last in report["changed"]:
        outside[first:last] = False
    return {
        "changed": float(((audio != place.audio).any(axis=0) & outside).sum()),
        "over": float(np.mean([(seam[f"click_{side}_db"] or -1) > 0 for side in ("before", "after")])),
        "double": float(np.mean([doubled(place.audio, audio, place.sample_rate, joint) for joint in joints])),
        "loudness": abs(seam["loudness_difference_lu"] or 0.0),
        "beat": float(late is not None),
        "before": np.nan if late is None else abs(late - moved),
        "after": np.nan if late is None else abs(late),
    }


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
        figure("double", "double attacks at joints within 70 ms", 100 * column("double").mean(), "%", "<= 5"),
        figure("level", "bump or dip at joints, median", median("level"), "dB", "<= 0.5"),
        figure("level_95", "and of 95 in 100", float(np.percentile(column("level"), 95)), "dB", ""),
        figure("loudness", "loudness off, median", median("loudness"), "LU", ""),
        figure("beat", "beat compared", 100 * column("beat").mean(), "%", ""),
        figure("phase_before", "late or early before correction, median", median("before"), "ms", ""),
        figure("phase_after", "and after it", median("after"), "ms", "< 15"),
    ]


def _attack_near(audio: NDArray[np.float32], rate: int, seconds: float) -> float:
    """The strongest attack within half a second of a time, or that time."""
    first = round((seconds - 0.5) * rate)
    found = find_attacks(audio[:, first : first + rate], rate)
    if found.steps.size == 0:
        return seconds
    return seconds - 0.5 + float(found.steps[np.argmax(found.strengths)]) / 1000


def fit(threads: int) -> list[Result]:
    """Random and snapped regions, of the generator's pieces or of the folder in `ACESTEP_FIT_FOLDER`."""
    import torch

    torch.set_num_threads(threads)
    count, folder = int(os.environ.get("ACESTEP_FIT_REGIONS", "50")), os.environ.get("ACESTEP_FIT_FOLDER")
    results: list[Result] = _law()
    for kind in KINDS:
        places = of_folder(Path(folder), kind, count) if folder else generated(kind, count)
        results += fit_of(places, kind)
    return results


BENCHES = {"fit": fit}
