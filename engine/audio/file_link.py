"""One stretch of a file's samples, open: libsndfile behind it, whatever the header says. Knows no requests."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import soundfile
from numpy.typing import NDArray

from engine.audio.containers.segments import SegmentedFile, Segments
from engine.audio.paths import for_soundfile

_SKIPPED_FRAMES = 1 << 16


class ForwardFile(soundfile.SoundFile):
    """A file that is never sought in: soundfile seeks after each read of one that says it can be."""

    def seekable(self) -> bool:
        """No."""
        return False


class FileLink:
    """One stretch of a file's samples, open. What is decoded frame by frame is read forwards only.

    libsndfile's seek in an MP3 may give silence, near the end of Ogg Vorbis samples from elsewhere, in Opus others in
    the last bit; there a jump back opens the file again, a jump forwards decodes what is between.
    """

    def __init__(self, path: Path, segments: Segments | None, forwards: bool) -> None:
        self._path, self._segments, self._forwards = path, segments, forwards
        self._stack = contextlib.ExitStack()
        self._open()

    def _open(self) -> None:
        self.close()
        if self._segments is None:
            source: Any = self._stack.enter_context(for_soundfile(self._path))
        else:
            source = self._stack.enter_context(SegmentedFile(self._path, self._segments))
        kind = ForwardFile if self._forwards else soundfile.SoundFile
        self._file = self._stack.enter_context(kind(source))
        self._at = 0

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def read(self, start: int, stop: int, dtype: str) -> NDArray[Any]:
        """(channels, up to stop - start)."""
        if self._forwards:
            self._go_to(start, dtype)
        else:
            self._file.seek(start)
        samples = self._file.read(stop - start, dtype=dtype, always_2d=True)
        self._at = start + len(samples)
        return samples.T

    def _go_to(self, start: int, dtype: str) -> None:
        if start < self._at:
            self._open()
        while self._at < start:
            skipped = len(self._file.read(min(_SKIPPED_FRAMES, start - self._at), dtype=dtype, always_2d=True))
            if not skipped:
                return
            self._at += skipped
