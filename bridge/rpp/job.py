"""What is wanted of a project file, and what will be done: requests, and where each one's results go.

Times are seconds of the project, offsets and excerpts those of a source. Renders and reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bridge.rpp.fades import SHORT_FADE, Fade
from bridge.rpp.model import Take
from bridge.rpp.project_file import Project
from engine.requests import Request

Task = Literal["inpaint", "retake", "outpaint", "generate", "lego", "extract", "complete"]


@dataclass(frozen=True)
class ProjectJob:
    """What to do with a project. Times in seconds of the project; None: its time selection.

    `out` None: only planned. `fields` are request fields (tags, lyrics, seed, ...). `track` by name, number or GUID;
    only generate needs none. `use_tempo` false keeps the project's tempo to itself. `new_track` places the result on a
    new track. `replace` false: a file that is there already is not written over.
    """

    task: Task
    project: Path
    out: Path | None
    track: str | int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    start_time: float | None = None
    end_time: float | None = None
    new_track: bool = False
    use_tempo: bool = True
    name: str = ""
    replace: bool = True


@dataclass(frozen=True)
class OnItem:
    """The result becomes a take of this item (its number on the track, in order of position).

    It plays from `offset` seconds of the result on; None: from where the take that it is like does.
    """

    track: int
    item: int
    like: Take
    offset: float | None = None


@dataclass(frozen=True)
class Span:
    """An item to make: where, how long (None: as long as the result), and from which second of the result."""

    position: float
    length: float | None
    offset: float = 0.0
    fade_in: Fade = SHORT_FADE
    fade_out: Fade = SHORT_FADE


@dataclass(frozen=True)
class OnTrack:
    """The result becomes items: on `track`, or on a new track behind it (None: at the end).

    `volume` is the items' own level, `lane` the lane of `track` that they lie in and how many it has.
    """

    track: int | None
    new: bool
    spans: tuple[Span, ...]
    rate: float = 1.0
    like: Take | None = None
    volume: float = 1.0
    lane: tuple[int, int] | None = None


@dataclass(frozen=True)
class Excerpt:
    """Frames [first, last) of a request's source are all that is sent: what an item shows of its file.

    Before the first and behind the last frame of the file it is repeated, as looped items do.
    """

    first: int
    last: int
    sample_rate: int

    @property
    def seconds(self) -> tuple[float, float]:
        return self.first / self.sample_rate, self.last / self.sample_rate


@dataclass(frozen=True)
class Part:
    """One request, where its results go, and what to call them.

    `channel_mode` is the CHANMODE of the new takes; None: that of the take that they are like.
    """

    request: Request
    place: OnItem | OnTrack
    name: str
    excerpt: Excerpt | None = None
    channel_mode: int | None = None


@dataclass(frozen=True)
class Plan:
    """All that is to be rendered for a job, and sentences for the user."""

    project: Project
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
