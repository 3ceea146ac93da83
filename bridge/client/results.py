"""What a job made, as a client holds it. Knows no socket."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.protocol.messages import ModelName, ResultEntry, ResultReply
from engine.atomic import replacing


@dataclass(frozen=True)
class JobResult:
    """All results of a job; the properties speak of the first, which is the only one without variations."""

    reply: ResultReply
    buffers: Sequence[bytes] = field(default=(), repr=False)

    @property
    def entries(self) -> list[ResultEntry]:
        """One per item: the chosen ones in order of variation, then candidates that were not chosen."""
        return self.reply.results

    @property
    def chosen(self) -> list[ResultEntry]:
        """The chosen entry of each variation."""
        return [entry for entry in self.reply.results if entry.chosen]

    @property
    def first(self) -> ResultEntry:
        """The first variation's entry."""
        return self.reply.results[0]

    @property
    def path(self) -> Path | None:
        """The audio in the daemon's store (never write to it); None from another machine."""
        return Path(self.first.audio.path) if self.first.audio.path else None

    @property
    def data(self) -> bytes:
        """The audio file's bytes, if they were asked for, else read from `path`."""
        return self._bytes(0)

    @property
    def sha256(self) -> str:
        """Hash of the audio file."""
        return self.first.audio.sha256

    @property
    def seed(self) -> int:
        """The seed that was used."""
        return self.first.seed

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything that determined the sound."""
        return self.first.recipe

    @property
    def seam_report(self) -> dict[str, Any] | None:
        """What the joints are like; None for tasks without one."""
        return self.first.seam_report

    @property
    def timings(self) -> dict[str, float]:
        """Seconds: of the job (queued, running) and of the engine's stages."""
        return {**self.first.timings, **self.reply.timings}

    @property
    def model(self) -> ModelName:
        """Which model made it."""
        return self.first.model

    def save(self, path: str | Path, index: int = 0) -> Path:
        """Copy entry `index` to `path`, whole or not at all. Raises OSError, WriteError."""
        source = self.entries[index].audio.path
        with replacing(path) as temporary:
            if index < len(self.buffers) or source is None:
                temporary.write_bytes(self._bytes(index))
            else:
                shutil.copyfile(source, temporary)
        return Path(path)

    def _bytes(self, index: int) -> bytes:
        if index < len(self.buffers):
            return self.buffers[index]
        source = self.entries[index].audio.path
        if source is None:
            raise FileNotFoundError("The audio lies on another machine: ask for the result with include='bytes'.")
        return Path(source).read_bytes()
