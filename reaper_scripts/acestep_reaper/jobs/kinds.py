"""What is sent for a job, and so what its result is: one class a kind. Numbers only; `source.material` fills them in.

Seconds of the source are those of the file that is sent. `origin` is the second of the source at which the new file
begins: for a clip and a cut it is later than 0.
"""

from dataclasses import dataclass, field
from typing import ClassVar, List, Optional

from .closed import Closed, all_of, known

OF_REGION = ("inpaint", "lego")  # tasks that make a range; their clips begin where the result says


@dataclass
class Result(Closed):
    """What all kinds have. Where `from_file`, the take's own file is what the model works on."""

    kind: ClassVar[str] = ""
    source: str = ""  # path of the take's file; empty where something else is sent, or nothing
    anchor: float = 0.0  # project seconds at which the first sample of what is sent lies
    rate: float = 1.0  # play rate of the take
    origin: float = 0.0  # seconds of the source at which the new file begins
    source_start: float = 0.0  # seconds of the source: where the new part begins
    source_end: float = 0.0  # and where it ends
    left_out: List[str] = field(default_factory=list)  # GUIDs of pieces of the same take that were not chosen

    def to_json(self):
        return dict(all_of(self), kind=self.kind)

    @classmethod
    def from_json(cls, values):
        return cls(**known(cls, values))


@dataclass
class NoSource(Result):
    """Nothing is sent: music from words, or from an earlier recipe."""

    kind: ClassVar[str] = "none"


@dataclass
class Full(Result):
    """The take's own file is sent and comes back whole."""

    kind: ClassVar[str] = "full"


@dataclass
class Clip(Result):
    """The take's own WAV is sent; only the new part comes back and is put into a copy of the file."""

    kind: ClassVar[str] = "clip"
    file_range: List[int] = field(default_factory=list)  # first and last frame of the source that the copy holds


@dataclass
class Cut(Result):
    """The item's part of the take's WAV is sent; it comes back whole."""

    kind: ClassVar[str] = "cut"


@dataclass
class Piece(Closed):
    """One of several items, and where its own file lies: so it is found again, also when it was moved."""

    item: str  # GUID
    take: str  # GUID
    source: str  # path of the take's file
    anchor: float  # project seconds of the file's first sample
    rate: float  # play rate
    source_start: float  # seconds of the file: where the new part begins
    source_end: float  # and where it ends
    left_out: List[str] = field(default_factory=list)  # GUIDs of pieces of the same take that were not chosen


@dataclass
class Group(Result):
    """What several items of a track play is sent; one file comes back that each of them takes."""

    kind: ClassVar[str] = "group"
    pieces: List[Piece] = field(default_factory=list)

    def to_json(self):
        return dict(super().to_json(), pieces=[all_of(piece) for piece in self.pieces])

    @classmethod
    def from_json(cls, values):
        pieces = [Piece(**known(Piece, piece)) for piece in values.get("pieces") or ()]
        return cls(**dict(known(cls, values), pieces=pieces))


@dataclass
class Track(Result):
    """What the track plays is sent; the result goes to a new track."""

    kind: ClassVar[str] = "track"
    whole: bool = False  # all of what comes back is the result, not a range of it
    begins: Optional[float] = None  # project seconds at which it begins, where that is known beforehand


KINDS = dict((kind.kind, kind) for kind in (NoSource, Full, Clip, Cut, Group, Track))


def from_json(values):
    """The result of a job's `client_data`; a whole file where it names no kind that is known."""
    return KINDS.get(values.get("kind"), Full).from_json(values)
