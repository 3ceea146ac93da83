"""What entry scripts ask of the background script: each command is a class, and a JSON object with `op`."""

from dataclasses import dataclass, field
from typing import Dict, List, Union

from .closed import Closed, known, values_of
from .target import Target


@dataclass
class Render(Closed):
    """Targets to be rendered, placed together."""

    id: str  # of the key press
    title: str  # of the undo point
    task: str  # of targets without a task of their own
    mode: str  # "take" or "track", of targets without a mode of their own
    targets: List[Target]
    request: dict  # of targets without a request of their own
    start: bool = False  # whether a daemon may be started
    recipe: bool = False  # exactly this, whatever project, settings and a surface say
    surface: bool = True  # whether what a control surface sets counts
    pointers: Dict[str, str] = field(default_factory=dict)  # GUID: where REAPER had it, to be found sooner
    identity: Dict[str, str] = field(default_factory=dict)  # of the project: `projects.identity`


@dataclass
class Cancel(Closed):
    """Ends jobs."""

    which: str = "last"  # or "all"


@dataclass
class Register(Closed):
    """Tells the daemon REAPER's ids of our actions."""

    actions: Dict[str, str]  # name of a script: named command id


@dataclass
class Look(Closed):
    """Asks again for results that the daemon keeps for this project."""


Command = Union[Render, Cancel, Register, Look]
_OPS = {"render": Render, "cancel": Cancel, "register": Register, "look": Look}


def to_json(command):
    """{"op", ...} of a command."""
    values = values_of(command)
    if isinstance(command, Render):
        values["targets"] = [target.to_json() for target in command.targets]
    op = next(op for op, kind in _OPS.items() if type(command) is kind)
    return dict(values, op=op)


def from_json(values):
    """The command of a JSON object; None where `op` is unknown, as another version's may be."""
    kind = _OPS.get(values.get("op"))
    if kind is None:
        return None
    fields = known(kind, values)
    if kind is Render:
        fields["targets"] = [Target.from_json(target) for target in fields["targets"]]
    return kind(**fields)
