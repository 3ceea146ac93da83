"""Scores from seeds: tempo, bars, sections, players and drums. Knows no sound and no tags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.grid.harmony import PROGRESSIONS, Key
from engine.training.music.parts import Player
from engine.training.music.score import Bar, Hit, Note, Score, Sweep
from engine.training.music.styles import INSTRUMENTS, STYLE_BY_NAME, STYLES, Meter, Style
from engine.training.music.theory import JAZZ_PROGRESSIONS
from engine.training.music.voices import KINDS


@dataclass(frozen=True)
class Wish:
    """What a score must have; None is drawn from the seed. `instruments` fixes who plays all the time."""

    style: str | None = None
    bpm: float | None = None
    meter: Meter | None = None
    key: Key | None = None
    instruments: tuple[str, ...] | None = None
    steady: bool = False
    change: tuple[int, float] | None = None  # at this bar the tempo is multiplied by this


def make_score(seed: int, seconds: float, wish: Wish | None = None) -> Score:
    """A score of `seconds`, the same for the same arguments. The first bar may start before 0 s."""
    wish = wish or Wish()
    rng = np.random.default_rng([seed, 1])
    style = STYLE_BY_NAME[wish.style] if wish.style else STYLES[rng.integers(len(STYLES))]
    key = wish.key or Key(int(rng.integers(12)), "minor" if rng.random() < style.minor else "major")
    bars = _bars(rng, style, key, seconds, wish)
    ensemble = wish.instruments or _ensemble(rng, style)
    kinds = {name: str(rng.choice(list(KINDS[name]))) for name in KINDS}
    score = Score(seconds, style.name, key, bars, kinds)
    score.playing = _who_plays(rng, bars, ensemble, fixed=wish.instruments is not None)
    _write_drums(rng, score, style)
    for name in KINDS:
        if name in ensemble:
            _write_part(rng, score, name, style)
    _write_sweeps(score)
    return score


def _bars(rng: np.random.Generator, style: Style, key: Key, seconds: float, wish: Wish) -> list[Bar]:
    meter = wish.meter or _meter(rng, style)
    wide = rng.random() < 0.25
    bpm = wish.bpm or float(np.round(rng.uniform(*((60, 180) if wide else style.bpm)), 1 if rng.random() < 0.2 else 0))
    change = None if wish.steady or rng.random() > 0.15 else (int(rng.integers(1, 9)), rng.uniform(0.8, 1.25))
    steps = 1 if rng.random() < 0.6 else 4
    change, steps = (wish.change, 1) if wish.change else (change, steps)
    table = JAZZ_PROGRESSIONS if style.sevenths and rng.random() < 0.7 else PROGRESSIONS
    chords = table[key.mode][rng.integers(len(table[key.mode]))]
    length = int(rng.choice([4, 8, 8]))
    start = -float(rng.random()) * 4.0 * meter[0] / meter[1] * 60.0 / bpm
    bars: list[Bar] = []
    while start < seconds:
        index = len(bars)
        if change and change[0] <= index < change[0] + steps:
            bpm = float(np.clip(bpm * change[1] ** (1.0 / steps), 60.0, 180.0))
        if index and index % (2 * length) == 0 and rng.random() < 0.5:
            chords = table[key.mode][rng.integers(len(table[key.mode]))]
        bars.append(Bar(start, bpm, meter, chords[index % 4], index // length))
        start += bars[-1].seconds
    return bars


def _meter(rng: np.random.Generator, style: Style) -> Meter:
    meters = list(style.meters)
    weights = np.array([style.meters[m] for m in meters])
    return meters[rng.choice(len(meters), p=weights / weights.sum())]


def _ensemble(rng: np.random.Generator, style: Style) -> tuple[str, ...]:
    """A mix of the style's instruments, or (one in four) a single stem."""
    if rng.random() < 0.25:
        stems = [name for name in INSTRUMENTS if name != "riser"]
        return (str(rng.choice(stems)),)
    chosen = [name for name in INSTRUMENTS if rng.random() < style.parts.get(name, 0.03)]
    return tuple(chosen) or ("keys",)


def _who_plays(rng: np.random.Generator, bars: list[Bar], ensemble: tuple[str, ...], fixed: bool) -> list[set[str]]:
    """Each section keeps most of the ensemble; risers play in the last two bars of a section."""
    playing: list[set[str]] = []
    for index, bar in enumerate(bars):
        if index == 0 or bar.section != bars[index - 1].section:
            keep = 1.0 if fixed or len(ensemble) == 1 else float(rng.choice([1.0, 0.75, 0.6]))
            members = {name for name in ensemble if rng.random() < keep} or {ensemble[0]}
        last = index + 2 < len(bars) and bars[index + 2].section != bar.section
        rising = fixed or last or (index + 1 < len(bars) and bars[index + 1].section != bar.section)
        playing.append({name for name in members if name != "riser" or rising})
    return playing


def _write_drums(rng: np.random.Generator, score: Score, style: Style) -> None:
    figures = style.figures["{}/{}".format(*score.meter)]
    figure = dict(figures[rng.integers(len(figures))])
    for drum in list(figure):
        if len(figure) > 2 and rng.random() < 0.15 and drum != "kick":
            del figure[drum]
    for index, (bar, playing) in enumerate(zip(score.bars, score.playing, strict=True)):
        if "drums" not in playing:
            continue
        starts = index == 0 or score.bars[index - 1].section != bar.section
        if starts and index and rng.random() < 0.5:
            score.hits.append(Hit("crash", bar.start, 0.8))
        fill = index + 1 < len(score.bars) and score.bars[index + 1].section != bar.section and rng.random() < 0.6
        _write_drum_bar(rng, score, figure, bar, style.swing, fill)


def _write_drum_bar(
    rng: np.random.Generator, score: Score, figure: dict[str, str], bar: Bar, swing: float, fill: bool
) -> None:
    levels = {"X": 1.0, "x": 0.75, "o": 0.4}
    for drum, strokes in figure.items():
        for step, stroke in enumerate(strokes):
            if stroke == "." or (stroke == "o" and rng.random() < 0.4) or (fill and drum == "snare" and step > 11):
                continue
            score.hits.append(Hit(drum, bar.at(_swung(step / 4, swing)), levels[stroke] * rng.uniform(0.85, 1.0)))
    if fill:
        quarters = bar.quarters
        for step in range(4):
            drum = "tom" if step % 2 else "snare"
            score.hits.append(Hit(drum, bar.at(quarters - 1 + step / 4), 0.55 + 0.1 * step))


def _swung(quarter: float, swing: float) -> float:
    """Off-beat eighths come late by `swing` of an eighth."""
    return quarter + 0.5 * swing if abs(quarter % 1.0 - 0.5) < 1e-6 else quarter


def _write_part(rng: np.random.Generator, score: Score, name: str, style: Style) -> None:
    player = Player(rng, name, style, score.bars[0].quarters)
    for index, (bar, playing) in enumerate(zip(score.bars, score.playing, strict=True)):
        if name not in playing:
            continue
        for quarter, quarters, notes, velocity in player.bar(rng, score.key, bar, index):
            start = bar.at(_swung(quarter, style.swing))
            seconds = max(0.05, quarters * 60.0 / bar.bpm)
            score.notes.extend(Note(name, start, seconds, midi, velocity) for midi in notes)


def _write_sweeps(score: Score) -> None:
    start = None
    for bar, playing in zip(score.bars, score.playing, strict=True):
        if "riser" in playing and start is None:
            start = bar.start
        if "riser" not in playing and start is not None:
            score.sweeps.append(Sweep(start, bar.start))
            start = None
    if start is not None:
        score.sweeps.append(Sweep(start, score.bars[-1].start + score.bars[-1].seconds))
