"""Which fader, knob or button was meant, from what it sent for a moment. Knows no port, no address and no clock."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from bridge.midi.bindings import Mode, Source
from bridge.midi.reading import LSB, Move

LISTEN_SECONDS = 0.7
MIN_TURNS = 3


def is_press(move: Move) -> bool:
    """Whether one message says everything: a note or a program, but not a key let go."""
    return move.source.kind in ("note", "program") and move.raw > 0


def meant(moves: list[Move]) -> tuple[Source, Mode] | None:
    """The source that moved most, and how it counts; None where nothing moved."""
    for move in moves:
        if is_press(move):
            return move.source, "absolute"
    single = [move for move in moves if move.source.kind in ("cc", "pitch")]
    if not single:
        return None
    source = Counter(move.source for move in single).most_common(1)[0][0]
    wide = _wide(source, single)
    if wide is not None:
        return wide, "absolute"
    return source, _mode([move.raw for move in single if move.source == source], source)


def _wide(source: Source, moves: list[Move]) -> Source | None:
    """The 14-bit source, where both of its controllers moved."""
    if source.kind != "cc" or source.number >= 2 * LSB:
        return None
    upper = source.number % LSB
    numbers = {m.source.number for m in moves if m.source.kind == "cc" and m.source.channel == source.channel}
    if not {upper, upper + LSB} <= numbers:
        return None
    return Source(kind="cc14", channel=source.channel, number=upper, port=source.port)


def _mode(values: list[int], source: Source) -> Mode:
    """A button sends ends alone; an endless knob repeats small steps, a fader does not."""
    if source.kind == "pitch":
        return "absolute"
    if set(values) <= {0, 127}:
        return "press"
    repeats = sum(a == b for a, b in pairwise(values))
    if len(values) < MIN_TURNS or repeats * 2 < len(values) - 1:
        return "absolute"
    if all(48 <= v <= 80 and v != 64 for v in values):
        return "offset"
    if all(0 < v <= 16 or v >= 112 for v in values):
        return "twos"
    return "sign" if all(0 < v <= 16 or 65 <= v <= 80 for v in values) else "absolute"
