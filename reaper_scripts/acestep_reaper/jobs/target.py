"""What an action works on: a stretch of a track, the items that play it, and what is special about it."""

from dataclasses import dataclass, field
from typing import List, Optional

from .closed import Closed, known, values_of


@dataclass
class Again(Closed):
    """The stretch of an original take's file that is sent once more."""

    take: str  # GUID of the original take
    range: Optional[List[float]] = None  # first and last second of its file; None: what the item plays
    item: str = ""  # GUID of the item that it is a take of; empty: of the target's own

    @classmethod
    def from_json(cls, values):
        return cls(**known(cls, values))


@dataclass
class Target(Closed):
    """GUIDs and project seconds; what is empty says nothing."""

    track: str  # GUID; empty where the project has no track
    item: str  # GUID; empty where the track has a gap
    take: str  # GUID of the take to be regenerated
    start: float  # project seconds
    end: float  # project seconds
    name: str = ""  # of the take, else of its track: for the user, and for new files
    pieces: List[List[str]] = field(default_factory=list)  # [item, take] GUIDs of all items, where there are several
    mode: str = ""  # "take" or "track": where the result goes
    task: str = ""  # the request's
    capture: str = ""  # "dry", "wet" or "bus": how the track is read; empty where nothing is sent
    notice: str = ""  # what the user is told when the result is placed
    into: bool = False  # the result joins the takes of the item, wherever the range is now
    again: Optional[Again] = None  # an earlier result is made once more from what was sent then
    extend_before: float = 0.0  # seconds of project time added before the item
    extend_after: float = 0.0  # seconds of project time added after it
    request: Optional[dict] = None  # a request of its own, instead of the command's

    def note(self, text):
        """Adds what the user is to be told."""
        self.notice = "; ".join(t for t in (self.notice, text) if t)

    def to_json(self):
        values = values_of(self)
        if self.again is not None:
            values["again"] = values_of(self.again)
        return values

    @classmethod
    def from_json(cls, values):
        return cls(**read(cls, values))


def read(kind, values):
    """Constructor arguments of a target, or of what extends it."""
    fields = known(kind, values)
    if fields.get("again"):
        fields["again"] = Again.from_json(fields["again"])
    return fields
