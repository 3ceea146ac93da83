"""A job: a target with all that is needed to place its result, also after a restart of REAPER.

It travels as the daemon's `client_data`, one flat JSON object; what other versions of the scripts wrote is read too.
"""

from dataclasses import asdict, dataclass, field

from . import kinds
from .closed import all_of
from .target import Target, read

APP = "reaper"  # what `client_data` names as its writer
_NEEDED = ("batch", "request_id", "track", "item", "take", "start", "end")
_NOT_SENT = ("result", "pieces", "request")  # `result` is joined; what it holds replaces the others


@dataclass
class Job(Target):
    """A target on its way to the daemon and back; `mode` and `task` are always set."""

    app: str = APP
    batch: str = ""  # id of the key press; its parts are placed together
    title: str = ""  # of the undo point
    count: int = 1  # parts of the batch
    index: int = 0  # of this part
    request_id: str = ""  # so that the daemon takes it once
    project: str = ""  # id of the project
    project_file: str = ""  # path of the project file; empty while it is unsaved
    exact: bool = False  # a recipe: tempo and key of the project do not count
    crossfade: float = 0.0  # seconds that a new item on a track reaches beyond the region
    captured: str = ""  # path of a file made for this job alone, to be removed
    result: kinds.Result = field(default_factory=kinds.NoSource)  # what is sent, and so what its result is

    @property
    def extends(self):
        """Whether the item grows."""
        return bool(self.extend_before or self.extend_after)

    @property
    def named_items(self):
        """GUIDs of all items that it is about; one may be empty."""
        pieces = getattr(self.result, "pieces", None)
        return [piece.item for piece in pieces] if pieces else [piece[0] for piece in self.pieces] or [self.item]

    @property
    def piece(self):
        """Its one item, as one of several is described."""
        result = self.result
        return kinds.Piece(self.item, self.take, result.source, result.anchor, result.rate, result.source_start,
                           result.source_end, result.left_out)  # fmt: skip

    def to_client_data(self):
        fields = all_of(self)
        for name in _NOT_SENT:
            fields.pop(name, None)
        if self.again is not None:
            fields["again"] = asdict(self.again)
        return dict(fields, **self.result.to_json())

    @classmethod
    def from_client_data(cls, data):
        """None where the job is another program's, or names no target."""
        if data.get("app") != APP or not all(name in data for name in _NEEDED):
            return None
        fields = dict(read(cls, data), result=kinds.from_json(data), pieces=[])
        return cls(**fields)
