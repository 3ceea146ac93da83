"""What a source carries, and how its samples moved into the result. Knows no format."""

from __future__ import annotations

from dataclasses import dataclass

Tags = tuple[tuple[str, str], ...]  # names in capitals, as Vorbis comments have them


@dataclass(frozen=True)
class Carried:
    """`chunks` of a WAV, as they stand; `tags` and `pictures` (FLAC's blocks) of other files.

    `time_reference` is the place of the first sample on a timeline, in samples of the source; None: it has none.
    """

    chunks: tuple[tuple[bytes, bytes], ...] = ()
    tags: Tags = ()
    pictures: tuple[bytes, ...] = ()
    time_reference: int | None = None

    def chunk(self, name: bytes) -> bytes | None:
        """The content of the first chunk of that name, or None."""
        return next((content for known, content in self.chunks if known == name), None)


@dataclass(frozen=True)
class Move:
    """How a source's samples lie in a result: the result begins at the source's sample `offset`, has `frames` samples
    at `rate`; the source has `source_frames` at `source_rate`."""

    offset: int
    frames: int
    rate: int
    source_frames: int
    source_rate: int

    @property
    def is_same(self) -> bool:
        """Whether every place stays what it was."""
        return self.offset == 0 and self.rate == self.source_rate and self.frames == self.source_frames

    def place(self, sample: int) -> int | None:
        """A place of the source in the result; None outside of it."""
        there = self.scaled(sample - self.offset)
        return there if 0 <= there <= self.frames else None

    def scaled(self, samples: int) -> int:
        """A number of the source's samples in samples of the result."""
        return samples if self.rate == self.source_rate else round(samples * self.rate / self.source_rate)

    def time_reference(self, reference: int | None) -> int:
        """Where the result begins on the source's timeline, in samples of the result; never before its start."""
        return max(0, self.scaled((reference or 0) + self.offset))
