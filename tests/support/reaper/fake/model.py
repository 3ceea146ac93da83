"""What the fake REAPER remembers: projects, tracks, items, takes, sources, markers, tempo.

Knows no API function. Undo is a deep copy of a project's content; after an undo every object
is a new one, so a pointer kept from before is invalid, which is harsher than REAPER.
"""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field


def new_guid() -> str:
    """A GUID in REAPER's form: braces, upper case."""
    return "{" + str(uuid.uuid4()).upper() + "}"


@dataclass
class Source:
    """A media source: a file, or a section of one. CLICK and LTC have no file, OFFLINEWAVE's is missing."""

    path: str
    kind: str = "WAVE"
    section: tuple[float, float, bool] | None = None  # offset, length, reversed
    metadata: dict[str, str] = field(default_factory=dict)


def take_values() -> dict[str, float]:
    return {"D_STARTOFFS": 0.0, "D_PLAYRATE": 1.0, "D_VOL": 1.0, "D_PAN": 0.0, "D_PITCH": 0.0,
            "D_PANLAW": -1.0, "B_PPITCH": 1.0, "I_CHANMODE": 0.0, "I_PITCHMODE": -1.0,
            "I_CUSTOMCOLOR": 0.0, "I_STRETCHFLAGS": 0.0, "F_STRETCHFADESIZE": 0.0025}  # fmt: skip


def item_values() -> dict[str, float]:
    return {"D_POSITION": 0.0, "D_LENGTH": 1.0, "D_VOL": 1.0, "B_LOOPSRC": 1.0, "B_MUTE": 0.0, "C_LOCK": 0.0,
            "D_FADEINLEN": 0.0, "D_FADEOUTLEN": 0.0, "D_FADEINLEN_AUTO": -1.0, "D_FADEOUTLEN_AUTO": -1.0,
            "C_FADEINSHAPE": 0.0, "C_FADEOUTSHAPE": 0.0, "I_CUSTOMCOLOR": 0.0, "B_UISEL": 0.0,
            "C_BEATATTACHMODE": -1.0, "D_SNAPOFFSET": 0.0, "I_GROUPID": 0.0, "C_LANEPLAYS": 1.0, "I_FIXEDLANE": 0.0,
            "F_FREEMODE_Y": 0.0, "F_FREEMODE_H": 1.0}  # fmt: skip


def track_values() -> dict[str, float]:
    return {"B_MUTE": 0.0, "D_VOL": 1.0, "I_NCHAN": 2.0, "I_SELECTED": 0.0, "I_CUSTOMCOLOR": 0.0,
            "I_FOLDERDEPTH": 0.0, "I_RECARM": 0.0, "I_FREEMODE": 0.0, "I_NUMFIXEDLANES": 1.0}  # fmt: skip


@dataclass
class Take:
    """One take of an item; `source` None is an empty take."""

    source: Source | None = None
    guid: str = field(default_factory=new_guid)
    name: str = ""
    values: dict[str, float] = field(default_factory=take_values)
    ext: dict[str, str] = field(default_factory=dict)
    fx: list[str] = field(default_factory=list)
    stretch_markers: int = 0
    envelopes: int = 0


@dataclass
class Item:
    """An item on a track; positions in seconds of the project."""

    takes: list[Take] = field(default_factory=list)
    active: int = 0
    guid: str = field(default_factory=new_guid)
    values: dict[str, float] = field(default_factory=item_values)
    ext: dict[str, str] = field(default_factory=dict)
    notes: str = ""
    selected: bool = field(default=False, compare=False)

    @property
    def start(self) -> float:
        return self.values["D_POSITION"]

    @property
    def end(self) -> float:
        return self.start + self.values["D_LENGTH"]


@dataclass
class Track:
    """A track with its items in order of position."""

    name: str = ""
    items: list[Item] = field(default_factory=list)
    guid: str = field(default_factory=new_guid)
    values: dict[str, float] = field(default_factory=track_values)
    ext: dict[str, str] = field(default_factory=dict)
    fx: list[str] = field(default_factory=list)
    controls_locked: bool = False  # "Lock track controls": the items are free all the same
    razor: str = field(default="", compare=False)
    selected: bool = field(default=False, compare=False)


@dataclass
class Marker:
    """A project marker, or a region when `end` is given."""

    position: float
    name: str
    number: int
    end: float | None = None
    notes: str = ""
    guid: str = field(default_factory=new_guid)


@dataclass
class Tempo:
    """A tempo marker: constant from `time` on, or ramping to the next when `linear`."""

    time: float
    bpm: float
    numerator: int = 4
    denominator: int = 4
    linear: bool = False


@dataclass
class Content:
    """Everything of a project that undo brings back."""

    tracks: list[Track] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    tempo: list[Tempo] = field(default_factory=lambda: [Tempo(0.0, 120.0)])


class Project:
    """A project tab."""

    def __init__(self, path: str = "", folder: str = "") -> None:
        self.path = path  # "" while unsaved
        self.folder = folder  # where REAPER records media
        self.content = Content()
        self.time_selection = (0.0, 0.0)
        self.cursor = 0.0
        self.play_state = 0
        self.play_position = 0.0
        self.play_rate = 1.0
        self.start_time = 0.0  # only rulers show it: positions count from the project's own 0
        self.locks: set[int] = set()  # Options > Locking: toggle actions of what is locked while locking is on
        self.ext: dict[tuple[str, str], str] = {}
        self.info = {"PROJECT_SRATE": 48000.0, "PROJECT_SRATE_USE": 1.0}
        self.strings: dict[str, str] = {}
        self.dirty = False
        self.changes = 0
        self.history: list[tuple[str, Content]] = []
        self.position = -1
        self.block: tuple[str, Content] | None = None
        self.mark("start")

    @property
    def tracks(self) -> list[Track]:
        return self.content.tracks

    def items(self) -> list[Item]:
        """All items, track by track."""
        return [item for track in self.tracks for item in track.items]

    def find_item(self, guid: str) -> Item | None:
        return next((i for i in self.items() if i.guid == guid), None)

    def track_of(self, item: Item) -> Track | None:
        return next((t for t in self.tracks if any(i is item for i in t.items)), None)

    # undo
    def mark(self, description: str) -> None:
        """Adds an undo point: the state after the edit named by `description`."""
        del self.history[self.position + 1 :]
        self.history.append((description, copy.deepcopy(self.content)))
        self.position += 1
        self.dirty = True
        self.changes += 1

    @property
    def unmarked(self) -> bool:
        """Whether something changed since the last undo point."""
        return self.content != self.history[self.position][1]

    def move_in_history(self, by: int) -> bool:
        """Undo (-1) or redo (+1)."""
        if not 0 <= self.position + by < len(self.history):
            return False
        self.position += by
        self.content = copy.deepcopy(self.history[self.position][1])
        self.changes += 1
        return True

    @property
    def undo_names(self) -> list[str]:
        return [name for name, _ in self.history[1 : self.position + 1]]
