"""The lines of the evaluation's table: which values a figure is made of, how, its unit and its goal. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One line. `how` is share, mean, median, p95 or max over the samples of the value called `name`."""

    name: str
    what: str
    how: str = "share"
    goal: str = ""
    unit: str = ""

    def of(self, values: Sequence[float]) -> float:
        """The figure of a column of values."""
        array = np.asarray(values, dtype=float)
        match self.how:
            case "share" | "mean":
                return float(array.mean())
            case "median":
                return float(np.median(array))
            case "p95":
                return float(np.quantile(array, 0.95))
            case _:
                return float(array.max())


@dataclass(frozen=True)
class Line:
    """A figure with its result: nano's, the true clips' and the number of samples."""

    figure: Figure
    made: float
    true: float | None
    count: int


FIGURES = (
    Figure("codec_db", "codec and vocoder: log-mel error within 60 dB of the peak", "mean", "under 1.5", " dB"),
    Figure("codec_all_db", "the same over all bins, down to the floor at -100 dB", "mean", "under 1.5", " dB"),
    Figure("held_cents", "held notes: pitch error, median", "median", "under 5", " cents"),
    Figure("held_in_tune", "held notes: pitch error under 5 cents"),
    Figure("held_ripple", "held notes: deviation of the level over 50 ms", "median", "no warble", " dB"),
    Figure("silence_db", "noise in silence, loudest of all", "max", "under -60", " dB"),
    *(
        line
        for seconds in ("8", "16", "32")
        for line in (
            Figure(f"tempo_{seconds}", f"tempo within 2 %, octave-tolerant, {seconds} s", "share", "0.95"),
            Figure(f"tempo_exact_{seconds}", f"tempo within 2 %, exact octave, {seconds} s", "share", "as true clips"),
            Figure(f"grid_ms_{seconds}", f"onsets off the grid, median, {seconds} s", "median", "under 15", " ms"),
        )
    ),
    Figure("tempo_change", "both tempi of a tempo change within 2 %, 16 s", "share", "0.95"),
    Figure("grid_ms_change", "onsets off the grid with a tempo change, median", "median", "under 15", " ms"),
    Figure("key_root", "key's root", "share", "0.90"),
    Figure("key_mode", "key's root and mode", "share", "0.80"),
    Figure("key_scale", "pitched energy on the key's scale (by chance 0.58)", "mean"),
    Figure("chord_tones", "pitched energy on the tones of each bar's best triad", "mean", "0.80"),
    *(
        Figure(f"stem_{name}", f"{name} alone told from the others", "share", "0.95")
        for name in ("drums", "bass", "pad", "lead")
    ),
    Figure("inpaint_beat", "inpaint: beat within 20 ms of the context's", "share", "0.90"),
    Figure("inpaint_key", "inpaint: energy in the key as in the context (less 0.15)", "share", "0.90"),
    Figure("inpaint_loudness", "inpaint: loudness within 1.5 LU of the context's", "share", "0.95"),
    Figure("inpaint_joint", "inpaint: joints not above the music's own onsets", "share", "all"),
    Figure("untold_beat", "inpaint, only the style told: beat", "share", "0.90"),
    Figure("untold_key", "inpaint, only the style told: key", "share", "0.90"),
    Figure("untold_loudness", "inpaint, only the style told: loudness", "share", "0.95"),
    Figure("untold_joint", "inpaint, only the style told: joints", "share", "all"),
    Figure("outpaint_tempo", "outpaint of 10 s: tempo goes on"),
    Figure("outpaint_key", "outpaint of 10 s: key goes on (none told)"),
    Figure("outpaint", "outpaint of 10 s: both", "share", "0.85"),
    Figure("remix_beat", "remix: beat within 20 ms of the source's", "share", "0.90"),
    Figure("remix_stem", "remix of a stem: the instrument asked for is heard"),
    Figure("variance_0.2", "distance of the region from the source, variance 0.2", "mean", "rising", " dB"),
    Figure("variance_0.5", "distance of the region from the source, variance 0.5", "mean", "rising", " dB"),
    Figure("variance_0.9", "distance of the region from the source, variance 0.9", "mean", "rising", " dB"),
    Figure("variance_rises", "the three distances rise in their order"),
    Figure("random_finite", "random requests of every task: finite", "share", "all"),
    Figure("random_unclipped", "random requests of every task: unclipped", "share", "all"),
    Figure("random_no_offset", "random requests of every task: offset under -60 dB", "share", "all"),
)


def lines_of(columns: Mapping[str, Sequence[tuple[float, float | None]]]) -> list[Line]:
    """The lines for which there are values, in the table's order."""
    lines = []
    for figure in FIGURES:
        pairs = columns.get(figure.name, ())
        if pairs:
            true = [t for _, t in pairs if t is not None]
            lines.append(Line(figure, figure.of([m for m, _ in pairs]), figure.of(true) if true else None, len(pairs)))
    return lines


def markdown(lines: Sequence[Line]) -> str:
    """The table of the model card."""
    rows = ["| measure | nano | true clips | goal | n |", "|---|---|---|---|---|"]
    for line in lines:
        rendered, true = (_number(value, line.figure) for value in (line.made, line.true))
        rows.append(f"| {line.figure.what} | {rendered} | {true} | {line.figure.goal} | {line.count} |")
    return "\n".join(rows)


def _number(value: float | None, figure: Figure) -> str:
    return "" if value is None else f"{value:.2f}{figure.unit}"
