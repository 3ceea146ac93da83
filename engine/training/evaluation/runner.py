"""Runs measures over seeds, in several processes, into a file of JSON lines that a later run goes on with.

Each line holds one seed of one measure; what is there already is not measured again. Knows no rule.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import engine
from engine.training.evaluation.edits import inpaint, inpaint_untold, outpaint, remix, variance
from engine.training.evaluation.figures import Line, lines_of
from engine.training.evaluation.material import Values
from engine.training.evaluation.reconstruction import codec
from engine.training.evaluation.requests import random_request
from engine.training.evaluation.text import beat_8, beat_16, beat_32, key_8, stem, tempo_change
from engine.training.progress import Progress

MEASURES: dict[str, Callable[..., Values]] = {
    "codec": lambda model, seed, **_: codec(model, seed),
    "beat_8": beat_8,
    "beat_16": beat_16,
    "beat_32": beat_32,
    "tempo_change": tempo_change,
    "key_8": key_8,
    "stem": stem,
    "inpaint": inpaint,
    "inpaint_untold": inpaint_untold,
    "outpaint": outpaint,
    "remix": remix,
    "variance": variance,
    "random": random_request,
}
Piece = tuple[str, int]
_model: engine.Model | None = None


def evaluate(
    model: str,
    pieces: Iterable[Piece],
    out: Path,
    settings: dict[str, Any] | None = None,
    workers: int = 1,
    console: Console | None = None,
) -> list[Line]:
    """Measure what `out` does not hold yet, then give the lines of all that it holds; the table goes to the console."""
    console = console or Console()
    if out.exists() and not out.read_text(encoding="utf-8").endswith("\n"):
        out.write_text(out.read_text(encoding="utf-8") + "\n", encoding="utf-8")  # a line was cut short
    done = {(row["measure"], row["seed"]) for row in read_rows(out)}
    left = [piece for piece in pieces if piece not in done]
    with Progress("evaluate", console, every=20) as progress, out.open("a", encoding="utf-8") as file:
        for count, ((measure, seed), values) in enumerate(_results(model, left, settings or {}, workers)):
            file.write(json.dumps({"measure": measure, "seed": seed, "values": values}) + "\n")
            file.flush()
            progress.step(count + 1, len(left))
    lines = lines_of(columns(read_rows(out)))
    console.print(as_table(lines))
    return lines


def in_turns(measures: Iterable[str], samples: int) -> list[Piece]:
    """Every measure's first seed, then every measure's second, ...: an evaluation that is stopped has some of each."""
    names = list(measures)
    return [(name, seed) for seed in range(samples) for name in names]


def _results(model: str, pieces: list[Piece], settings: dict[str, Any], workers: int) -> Iterator[tuple[Piece, Values]]:
    one = partial(_measure, settings=settings)
    if workers < 2 or len(pieces) < 2:
        _load(model)
        yield from map(one, pieces)
        return
    with multiprocessing.get_context("spawn").Pool(workers, _load, (model,)) as pool:
        yield from pool.imap_unordered(one, pieces)


def _load(name: str) -> None:
    global _model
    torch.set_num_threads(1)
    _model = engine.load(name, device="cpu")


def _measure(piece: Piece, settings: dict[str, Any]) -> tuple[Piece, Values]:
    assert _model is not None
    measure, seed = piece
    return piece, MEASURES[measure](_model, seed, **settings)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file; a last line that was cut short is left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def columns(rows: Iterable[dict[str, Any]]) -> dict[str, list[tuple[float, float | None]]]:
    """name -> (nano's, the true clip's) of every sample."""
    columns: dict[str, list[tuple[float, float | None]]] = defaultdict(list)
    for row in rows:
        for name, (rendered, true) in row["values"].items():
            columns[name].append((rendered, true))
    return columns


def as_table(lines: Iterable[Line]) -> Table:
    """The lines for a terminal."""
    table = Table("measure", "nano", "true clips", "goal", "n")
    for line in lines:
        unit = line.figure.unit
        true = "" if line.true is None else f"{line.true:.2f}{unit}"
        table.add_row(line.figure.what, f"{line.made:.2f}{unit}", true, line.figure.goal, str(line.count))
    return table
