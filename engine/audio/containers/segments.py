"""A file seen as pieces of itself and bytes of ours: a repaired header, one stream of many, without a copy on disk."""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

Span = tuple[int, int]  # [start, stop) in the file
Segments = tuple[bytes | Span, ...]


def length_of(segments: Segments) -> int:
    """Bytes of all of them."""
    return sum(_length(one) for one in segments)


def _length(segment: bytes | Span) -> int:
    return len(segment) if isinstance(segment, bytes) else segment[1] - segment[0]


class SegmentedFile(io.RawIOBase):
    """The segments of the file at `path`, one after the other, as a readable and seekable file."""

    def __init__(self, path: Path, segments: Segments) -> None:
        self._segments = tuple(one for one in segments if _length(one))
        self._ends = list(accumulate(_length(one) for one in self._segments))
        self._at = 0
        self._file = path.open("rb")

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; gives the new place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1] if self._ends else 0}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        """Fill a buffer as far as there are bytes; gives how many."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        filled = 0
        while filled < len(view):
            index = bisect_right(self._ends, self._at)
            if index == len(self._segments):
                break
            got = self._piece(index, min(len(view) - filled, self._ends[index] - self._at))
            if not got:
                break
            view[filled : filled + len(got)] = got
            filled += len(got)
            self._at += len(got)
        return filled

    def _piece(self, index: int, count: int) -> bytes:
        segment = self._segments[index]
        inside = self._at - (self._ends[index] - _length(segment))
        if isinstance(segment, bytes):
            return segment[inside : inside + count]
        self._file.seek(segment[0] + inside)
        return self._file.read(count)

    def close(self) -> None:
        """Close the file underneath."""
        self._file.close()
        super().close()
