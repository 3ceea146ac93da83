"""What the scripts in Ardour and this program tell each other: files in `ardour` of the product's folder.

A job ID has ID.request (JSON, written by Ardour) with ID.f32 (samples that no file holds), ID.progress and ID.result
(lines `name=value`, written here), ID.cancel (is there when the job shall be cancelled); the result's file is named in
ID.result. Ardour deletes them when it has placed the result.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bridge.foreign_text import shown
from bridge.system.atomic import write_private
from engine.errors import InvalidRequest
from engine.requests import TASKS, Request

FOLDER = "ardour"
Count = Annotated[int, Meta(ge=0, le=1 << 32)]  # of samples: 12 hours at 96 kHz


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """`count` samples of one channel: of a file from `first` on, silence, or the next ones of ID.f32."""

    kind: Literal["file", "silence", "samples"]
    count: Count
    path: str = ""
    channel: Count = 0
    first: Count = 0


class ArdourOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What Ardour asks for. `length`, `start` and `stop` in samples from the source's first; pieces by channel."""

    version: Literal[1]
    id: str
    task: Literal["inpaint", "outpaint"]
    name: str
    sample_rate: Annotated[int, Meta(ge=1, le=1_000_000)]
    length: Count
    start: Count
    stop: Count
    pieces: Annotated[list[list[Piece]], Meta(min_length=1)]
    fields: dict[str, Any]

    def request(self, source: Path) -> Request:
        """The render request; its source is in `source`. Raises InvalidRequest for a field that cannot be used."""
        values: dict[str, Any] = {**self.fields, "audio": str(source), "output": "clip", "bit_depth": "32f"}
        if self.task == "inpaint":
            values |= {"start_time": self.start / self.sample_rate, "end_time": self.stop / self.sample_rate}
        try:
            return msgspec.convert(values, TASKS[self.task])
        except msgspec.ValidationError as error:
            raise InvalidRequest("settings", str(error), "what a request takes", "Run ACE-Step: Settings.") from error


@dataclass(frozen=True)
class Spool:
    """The files of one job. `request` is the path that Ardour hands over."""

    request: Path

    def file(self, ending: str) -> Path:
        """The job's file with this ending."""
        return self.request.with_suffix(ending)

    def order(self) -> ArdourOrder:
        """What is asked for. Raises InvalidRequest where the file is missing or damaged."""
        try:
            return msgspec.json.decode(self.request.read_bytes(), type=ArdourOrder)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            remedy = "Run the action in Ardour again; 'acestep-bridge ardour install' renews the scripts."
            raise InvalidRequest("request", f"{self.request}: {error}", "what our scripts write", remedy) from error

    @property
    def is_cancelled(self) -> bool:
        """Whether Ardour wants no result any more."""
        return self.file(".cancel").exists()

    @property
    def is_wanted(self) -> bool:
        """Whether Ardour still waits: it deletes the request with everything else."""
        return self.request.exists()

    def tell(self, words: str) -> None:
        """Progress in words."""
        self._write(".progress", {"words": words})

    def finish(self, state: Literal["done", "failed", "cancelled"], **values: object) -> None:
        """The end of the job."""
        self._write(".result", {"state": state, **values})

    def _write(self, ending: str, values: Mapping[str, object]) -> None:
        lines = [f"{name}={shown(' '.join(str(value).split()))}\n" for name, value in values.items()]
        with contextlib.suppress(FileNotFoundError):  # the folder is gone: nobody waits
            write_private(self.file(ending), "".join(lines).encode())
