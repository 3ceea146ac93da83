"""The takes of the present source: which there are, which one counts. Knows paths, opens no file."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Takes:
    """Results in the order they came; `present` counts from 1, 0 is the original."""

    original: str = ""
    paths: list[str] = field(default_factory=list)
    present: int = 0
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

    def start(self, original: str) -> None:
        """Another source: no takes yet."""
        self.original, self.paths, self.present, self._before = original, [], 0, 0

    def add(self, path: str) -> None:
        """A new take, which is the present one from now on."""
        self.paths.append(path)
        self.present = len(self.paths)

    def step(self, by: int) -> None:
        """Forward or back, round and round over the original and all takes."""
        self.present = (self.present + by) % (len(self.paths) + 1)

    def compare(self) -> None:
        """The original; from the original back to the take that was there before."""
        if self.present:
            self._before, self.present = self.present, 0
        else:
            self.present = min(self._before, len(self.paths)) or len(self.paths)

    def reject(self) -> bool:
        """Drop the present take; the one before it counts. False where the original is present."""
        if not self.present:
            return False
        del self.paths[self.present - 1]
        self.present -= 1
        return True

    def commit(self) -> str:
        """Keep the present take only: it is the original from now on. Empty where no take is present."""
        if not self.present:
            return ""
        kept = self.path
        self.start(kept)
        return kept
