"""`python -m tests.bench beat [FOLDER]`: in which music a steady beat is found, and how near to it its pulses lie.

Over pieces whose beats are known, 60 to 200 bpm, and pieces with none (`tests/support/beat_corpus.py`; how an octave is
counted: `beat_judge.py`). Over a FOLDER of music: how often one is found, and how late the untouched music itself is
called; it is never late; whether both sides by themselves are on one pulse. Pieces of the folder whose beats are known
are judged like the others: NAME.beats beside the audio, or NAME of the audio and .beats, one beat a line, its time in
seconds first and, where it is known, its place in the bar behind it (`beat_files.py`). A file of no beats says that
there is none. `ACESTEP_BEAT_SEEDS`: how many pieces of each kind and tempo (1).
"""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.audio.onsets import Onsets
from engine.audio.pulse import Pulse, find_pulse
from engine.audio.surroundings import Surroundings
from tests.bench.beat_files import annotated
from tests.bench.figures import Figure, Result
from tests.bench.music_folder import middles
from tests.support.beat_corpus import (
    KINDS_WITH_BEAT,
    KINDS_WITHOUT,
    TEMPI,
    piece_with_beat,
    piece_without,
)
from tests.support.beat_judge import GAP, Judged, heard_pulse, judge

_PIECES_WITHOUT = 15
_FASTEST_SIX_EIGHT = 130
_SAME_TEMPO, _SAME_PHASE_SECONDS = 0.02, 0.06


def beat(threads: int) -> list[Result]:
    """The known pieces, or the folder in `ACESTEP_FIT_FOLDER`."""
    folder = os.environ.get("ACESTEP_FIT_FOLDER")
    return of_folder(Path(folder)) if folder else known()


def known() -> list[Result]:
    """Figures over pieces whose beats are known."""
    seeds = range(int(os.environ.get("ACESTEP_BEAT_SEEDS", "1")))
    cells = [
        cell for cell in product(KINDS_WITH_BEAT, TEMPI, seeds) if cell[0] != "6/8" or cell[1] <= _FASTEST_SIX_EIGHT
    ]
    judged: dict[tuple[str, int], list[Judged]] = defaultdict(list)
    for kind, bpm, seed in track(cells, "with a beat"):
        piece = piece_with_beat(kind, float(bpm), seed)
        judged[kind, bpm].append(judge(piece, heard_pulse(piece)))
    _table(judged)
    every = [one for several in judged.values() for one in several]
    phases = [one.phase_ms for one in every if one.phase_ms is not None]
    how = f"{len(every)} pieces"
    results: list[Result] = [
        Figure("beat_found", "beat found, of pieces with one", _percent([j.found for j in every]), "%", ">= 90", how),
        Figure("beat_tempo", "its tempo, or an octave of it", _percent([j.tempo for j in every]), "%", "", how),
        Figure("beat_right", "and on the beats, not between", _percent([j.right for j in every]), "%", "", how),
        Figure("beat_phase", "phase error, median of those found", float(np.median(phases)), "ms", "< 15", how),
    ]
    for kind in track(KINDS_WITHOUT, "without"):
        pieces = [piece_without(kind, seed) for seed in range(_PIECES_WITHOUT * len(seeds))]
        wrong = _percent([heard_pulse(piece).found for piece in pieces])
        results.append(Figure(f"beat_none_{kind}", f"beat found in {kind}", wrong, "%", "0", f"{len(pieces)} pieces"))
    return results


def of_folder(folder: Path) -> list[Result]:
    """Figures over 20 s of each piece of a folder, and over those whose beats are known."""
    results = of_known(folder)
    found, late, together = [], [], []
    for audio, rate in track(list(middles(folder)), "music"):
        first, last = (round(seconds * rate) for seconds in GAP)
        around = Surroundings(audio[:, :first], audio[:, last:], rate)
        pulse, offset = around.beat_offset(audio[:, first:last], (0.0, 0.0))
        found.append(pulse.found)
        late += [] if offset is None else [abs(1000 * offset)]
        together += [] if not pulse.found else [_on_one_pulse(audio, rate, pulse)]
    how = f"{len(found)} pieces"
    return [
        *results,
        Figure("beat_music_found", "beat found", _percent(found), "%", "", how),
        Figure(
            "beat_music_compared", "and compared with the untouched 4 s", 100 * len(late) / len(found), "%", "", how
        ),
        Figure("beat_music_late", "the untouched called late by, median", float(np.median(late or [0])), "ms", "", how),
        Figure("beat_music_off", "called late by 15 ms or more", _percent([ms >= 15 for ms in late]), "%", "0", how),
        Figure(
            "beat_music_alone",
            "both sides alone on one phase",
            _percent(together),
            "%",
            "",
            f"{sum(together)} of the {len(together)} with a beat",
        ),
    ]


def of_known(folder: Path) -> list[Result]:
    """Figures over the pieces of a folder whose beats are known; none where there are none."""
    pieces = list(annotated(folder))
    if not pieces:
        return []
    judged: dict[str, list[Judged]] = defaultdict(list)
    without = []
    for piece in track(pieces, "with known beats"):
        pulse = heard_pulse(piece)
        if piece.beats.size:
            judged[piece.kind].append(judge(piece, pulse))
        else:
            without.append(pulse.found)
    _kinds_table(judged)
    every = [one for several in judged.values() for one in several]
    phases = [one.phase_ms for one in every if one.phase_ms is not None]
    how = f"{len(every)} pieces with known beats"
    return [
        Figure("beat_known_found", "known beats: found", _percent([j.found for j in every]), "%", ">= 90", how),
        Figure("beat_known_tempo", "its tempo, or an octave of it", _percent([j.tempo for j in every]), "%", "", how),
        Figure("beat_known_right", "and on the beats, not between", _percent([j.right for j in every]), "%", "", how),
        Figure("beat_known_phase", "phase error, median", float(np.median(phases or [0])), "ms", "< 15", how),
        Figure("beat_known_none", "found where there is none", _percent(without), "%", "0", f"{len(without)} pieces"),
    ]


def _on_one_pulse(audio: NDArray[np.float32], rate: int, pulse: Pulse) -> bool:
    """Whether each side by itself has this tempo, and its beats are where the other's are."""
    first, last = (round(seconds * rate) for seconds in GAP)
    sides = (
        Onsets.of(audio[:, :first], rate, for_beats=True),
        Onsets.of(audio[:, last:], rate, GAP[1], for_beats=True),
    )
    alone = [find_pulse([side], pulse.bpm) for side in sides]
    near = [at - (at - one.first_seconds) % one.period_seconds for one, at in zip(alone, GAP, strict=True)]
    between = (near[1] - near[0]) / pulse.period_seconds
    same = all(abs(one.bpm / pulse.bpm - 1) < _SAME_TEMPO for one in alone)
    return same and abs(between - round(between)) * pulse.period_seconds < _SAME_PHASE_SECONDS


def _kinds_table(judged: dict[str, list[Judged]]) -> None:
    """Right of each kind, as a percentage."""
    table = Table("kind", "pieces", "found", "tempo", "right", title="known beats, %")
    for kind, several in sorted(judged.items()):
        shares = (_percent([getattr(j, what) for j in several]) for what in ("found", "tempo", "right"))
        table.add_row(kind, str(len(several)), *(f"{share:.0f}" for share in shares))
    Console(width=None if os.isatty(1) else 160).print(table)


def _table(judged: dict[tuple[str, int], list[Judged]]) -> None:
    """Right of each kind and tempo, as a percentage; what was found but is not right stands in brackets."""
    table = Table("bpm", *(str(bpm) for bpm in TEMPI), title="beats found and right, % (found only)")
    for kind in KINDS_WITH_BEAT:
        table.add_row(kind, *(_cell(judged.get((kind, bpm), [])) for bpm in TEMPI))
    Console(width=None if os.isatty(1) else 160).print(table)


def _cell(several: list[Judged]) -> str:
    right, found = _percent([j.right for j in several]), _percent([j.found for j in several])
    return "" if not several else f"{right:.0f}" if right == found else f"{right:.0f} ({found:.0f})"


def _percent(values: list[bool]) -> float:
    return 100 * float(np.mean(values)) if values else 0.0


BENCHES = {"beat": beat}
