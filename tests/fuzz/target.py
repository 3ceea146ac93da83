"""What a target is: something that reads bytes of others, and the errors that it may raise for them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """`feed` reads the bytes; only `refusals` may come out.

    `seeds` makes inputs to begin with; what earlier runs found worth keeping lies in tests/fuzz/corpus/NAME.
    `words` are what a changed input is likely to need.
    """

    name: str
    feed: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()

    def check(self, data: bytes) -> None:
        """Raises what must not come out."""
        with contextlib.suppress(*self.refusals):
            self.feed(data)

    @property
    def folder(self) -> Path:
        """Where its kept inputs lie; findings are called finding-*."""
        return CORPUS / self.name

    def kept(self) -> list[bytes]:
        """The kept inputs."""
        return [path.read_bytes() for path in sorted(self.folder.glob("*")) if path.is_file()]
