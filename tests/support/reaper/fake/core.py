"""The part of the fake every API function needs: pointers, violations, dispatch and its type check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .model import Item, Project, Source, Take, Track

_OUT = "SZIBDAN"
VALIDATED = ("ReaProject*", "MediaTrack*", "MediaItem*", "MediaItem_Take*", "TrackEnvelope*", "PCM_source*")
ITEMS_FULL = 40576


class FakeError(Exception):
    """The fake was asked for something that it does not know, or answered in a wrong type."""


@dataclass
class Accessor:
    """An audio accessor over a take or a track."""

    target: Take | Track


class Core:
    """Projects, pointers and the record of what a script did wrong (`violations`)."""

    def __init__(self) -> None:
        self.projects: list[Project] = []
        self.active = 0
        self.violations: list[str] = []
        self.host: Any = None
        self.queued_scripts: list[str] = []
        self.log: list[str] = []  # names of the functions called
        self._objects: dict[int, tuple[str, object]] = {}
        self._addresses: dict[int, int] = {}
        self._next = 0x12AB0000

    @property
    def project(self) -> Project:
        """The active project."""
        return self.projects[self.active]

    def violation(self, text: str) -> None:
        """Records a thing that a good script never does."""
        self.violations.append(text)

    def held(self, project: Project, item: Item) -> bool:
        """Whether an item is locked, by itself or by the project's lock settings."""
        return bool(int(item.values["C_LOCK"]) & 1) or ITEMS_FULL in project.locks

    # pointers
    def pointer(self, kind: str, thing: object | None) -> int:
        """The address that scripts see for `thing`; 0 for None."""
        if thing is None:
            return 0
        key = id(thing)
        if key not in self._addresses:
            self._next += 0x40
            self._addresses[key] = self._next
            self._objects[self._next] = (kind, thing)  # holds a reference: the id stays unique
        return self._addresses[key]

    def object_at(self, address: int, kind: str) -> Any:
        """The living object behind a pointer of the active project, or None."""
        found = self._objects.get(address)
        if found is None or found[0] != kind:
            return None
        return found[1] if self._alive(found[1], self.project) else None

    def need(self, address: int, kind: str, function: str) -> Any:
        """As `object_at`, but a dead or NULL pointer is a violation (REAPER may crash)."""
        found = self.object_at(address, kind)
        if found is None:
            self.violation(f"{function}: invalid {kind} {address:#x}")
        return found

    def project_at(self, address: int) -> Project:
        """0 is the active project."""
        if not address:
            return self.project
        found = self._objects.get(address, ("", None))[1]
        return found if isinstance(found, Project) and found in self.projects else self.project

    def _alive(self, thing: object, project: Project) -> bool:
        if isinstance(thing, Track):
            return any(t is thing for t in project.tracks)
        if isinstance(thing, Item):
            return any(i is thing for i in project.items())
        if isinstance(thing, Take):
            return any(t is thing for i in project.items() for t in i.takes)
        if isinstance(thing, Project):
            return thing in self.projects
        return isinstance(thing, Source | Accessor) and id(thing) in self._addresses

    def forget(self, thing: object) -> None:
        """A destroyed source or accessor: its pointer is no longer valid."""
        address = self._addresses.pop(id(thing), 0)
        self._objects[address] = ("", thing)

    def living(self, kind: type) -> list[Any]:
        """Every object of a kind that scripts were given and did not destroy."""
        return [t for _, t in self._objects.values() if isinstance(t, kind) and id(t) in self._addresses]

    def ValidatePtr(self, address: int, kind: str) -> bool:
        return kind in VALIDATED and self.object_at(address, kind) is not None

    def ValidatePtr2(self, project: int, address: int, kind: str) -> bool:
        found = self._objects.get(address)
        return bool(
            kind in VALIDATED and found and found[0] == kind and self._alive(found[1], self.project_at(project))
        )

    # dispatch
    @classmethod
    def handlers(cls) -> list[str]:
        """Names of the API functions that the fake answers: they begin in capitals, as REAPER's do."""
        names = [n for n in dir(cls) if n[0].isupper() or n in ("time_precise", "format_timestr_pos")]
        return [n for n in names if callable(getattr(cls, n))]

    def call(self, function: Any, arguments: list) -> tuple[Any, list]:
        """Answers one call: (return value, out-parameters in order), checked against the contract."""
        self.log.append(function.name)
        answer = getattr(self, function.name)(*arguments)
        result, *outputs = answer if isinstance(answer, tuple) else (answer,)
        self._check(function, "ret", function.ret, result)
        letters = [x for x in function.letters if x in _OUT]
        if len(outputs) > len(letters):
            raise FakeError(f"{function.name}: {len(outputs)} out-parameters, the contract has {len(letters)}")
        for letter, value in zip(letters, outputs, strict=False):
            self._check(function, "out", letter, value)
        return result, outputs

    @staticmethod
    def _check(function: Any, where: str, letter: str, value: Any) -> None:
        wanted = {"v": type(None), "i": int, "u": int, "I": int, "b": int, "B": int, "d": float, "D": float,
                  "s": str, "S": str, "Z": str, "N": str, "P": int, "A": list}  # fmt: skip
        if not isinstance(value, wanted[letter]):
            raise FakeError(f"{function.name} {where} {letter}: {value!r}")
