"""What an examination says, and what is wrong with a file in words. Knows no container."""

from __future__ import annotations

from dataclasses import dataclass

from engine.audio.containers.segments import Segments
from engine.errors import InvalidRequest

SLACK_BYTES = 512  # a claim that is off by less is a writer's slip, not a file cut short


@dataclass(frozen=True)
class Layout:
    """How to read a file to its true end.

    `frames`: samples a channel that are there, None where only decoding tells. `repaired`: what a decoder reads
    instead of the file, one for each stream that follows another; empty: there is nothing to repair. `must_repair`:
    the file as it is would be read wrongly. `is_counted`: `frames` is exact where a decoder guesses.
    """

    kind: str
    frames: int | None = None
    repaired: tuple[Segments, ...] = ()
    must_repair: bool = False
    notes: tuple[str, ...] = ()
    tolerance: int = 0  # of `frames`, in samples
    is_counted: bool = False


def refused(name: str, what: str, expected: str = "a complete audio file", remedy: str = "") -> InvalidRequest:
    """The error for a file that is named and not read."""
    return InvalidRequest("audio", f"{name}, {what}", expected, remedy or "Export or copy the audio again.")


def truncated(name: str, what: str) -> InvalidRequest:
    """The error for a file that has less than its header promises."""
    remedy = f"Export or copy the audio again; to use what is there: ffmpeg -i {name} repaired.wav"
    return refused(name, f"which is truncated: {what}", remedy=remedy)


def difference(claimed: str, there: str) -> str:
    """The note of a header that was not believed."""
    return f"its header says {claimed}, {there} are there: all of them were read"
