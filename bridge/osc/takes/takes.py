"""The takes of the present source: which there are, which one counts. Knows paths, opens no file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

MAX_TAKES = 64  # where nothing else is asked for: a repetition may run all night


@dataclass
class Takes:
    """Results in the order they came; `present` counts from 1, 0 is the original.

    `sources` are the files that renders of these takes may have begun from: a take that was kept while one ran is
    the original from then on, and the render is a take none the less.
    """

    original: str = ""
    paths: list[str] = field(default_factory=list)
    present: int = 0
    sources: frozenset[str] = frozenset({""})
    _before: int = 0  # what `compare` goes back to

    @property
    def path(self) -> str:
        """The file that counts now."""
        return self.paths[self.present - 1] if self.present else self.original

    @property
    def words(self) -> str:
        """The present take for people."""
        count = len(self.paths)
        return f"take {self.present} of {count}" if self.present else f"original, {count} take{'s' * (count != 1)}"

    @property
    def names(self) -> list[str]:
        """Of the takes, for people: the file's name without its ending."""
        return [Path(path).stem for path in self.paths]

    def start(self, original: str) -> None:
        """Another source: no takes yet."""
        self.original, self.paths, self.present, self._before = original, [], 0, 0
        self.sources = frozenset({"", original})

    @property
    def newest_counts(self) -> bool:
        """Whether the next take will count by itself: the newest one does now."""
        return self.present == len(self.paths)

    def trim(self, keep: int = 0) -> None:
        """The oldest ones go; neither the present take nor the newest one does."""
        while len(self.paths) > (keep or MAX_TAKES) and self._drop_oldest():
            pass

    def _drop_oldest(self) -> bool:
        oldest = 1 if self.present == 1 else 0
        if oldest >= len(self.paths) - 1:
            return False
        del self.paths[oldest]
        self.present -= self.present > oldest + 1
        self._before -= self._before > oldest + 1
        return True

    def step(self, by: int) -> bool:
        """Forward or back, round and round over the original and all takes. True: it can always be done."""
        self.present = (self.present + by) % (len(self.paths) + 1)
        return True

    def select(self, number: int) -> bool:
        """A take by its number; 0 is the original. False where there is none."""
        if not 0 <= number <= len(self.paths):
            return False
        self.present = number
        return True

    def choose(self, path: str) -> bool:
        """The take with this file. False where it is none, or none any more."""
        if path in self.paths:
            self.present = self.paths.index(path) + 1
        return path in self.paths

    def compare(self) -> bool:
        """The original; from the original back to the take that was there before. True: it can always be done."""
        if self.present:
            self._before, self.present = self.present, 0
        else:
            self.present = min(self._before, len(self.paths)) or len(self.paths)
        return True

    def reject(self) -> bool:
        """Drop the present take; the one behind it counts, else the one before. False where the original is present."""
        if not self.present:
            return False
        del self.paths[self.present - 1]
        self.present = min(self.present, len(self.paths))
        return True

    def commit(self) -> str:
        """Keep the present take only: it is the original from now on. Empty where no take is present."""
        if not self.present:
            return ""
        kept, sources = self.path, self.sources
        self.start(kept)
        self.sources |= sources
        return kept

    def copy(self) -> Takes:
        """As they are now."""
        return replace(self, paths=list(self.paths))

    def go_back_to(self, before: Takes) -> None:
        """As they were; takes that came since then stay, behind those of then."""
        newer = [path for path in self.paths if path not in before.paths]
        self.original, self.present, self._before = before.original, before.present, before._before
        self.paths, self.sources = [*before.paths, *newer], self.sources | before.sources
