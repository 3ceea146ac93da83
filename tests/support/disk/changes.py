"""What a process wrote, in order, and what a disk may hold of it after a loss of power at any moment.

A disk keeps what was synced: a file's bytes by a sync of the file, its name by a sync of the folder. Of all else it may
keep nothing, everything, or any part, torn at a sector.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_HEAD = struct.Struct("<8sIIQII")
_SECTOR_BYTES = 512
_NEW, _CUT = 0o100, 0o1000  # O_CREAT, O_TRUNC


@dataclass(frozen=True)
class Change:
    """One call of one process. `first` is a path or what was written, `second` the new name."""

    op: str
    process: int
    file: int
    at: int
    first: bytes
    second: bytes


def read_changes(log: Path) -> Iterator[Change]:
    """What the library noted."""
    data, at = log.read_bytes(), 0
    while at < len(data):
        op, process, file, where, first, second = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        parts = data[at : at + first], data[at + first : at + first + second]
        at += first + second
        yield Change(op.rstrip(b"\0").decode(), process, file, where, *parts)


@dataclass
class Node:
    """A file or folder: what the disk has for sure, and the writes that came since."""

    is_folder: bool = False
    kept: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)  # at, bytes; None: cut there

    def sync(self) -> None:
        """The disk has all of it."""
        for write in self.since:
            _apply(self.kept, *write)
        self.since = []

    def perhaps(self, chance: random.Random | None) -> bytes:
        """What may be there: what is sure, and with `chance` any of what came since."""
        data = bytearray(self.kept)
        for at, part in self.since if chance is not None else ():
            luck = chance.random() if chance is not None else 0.0
            if part is not None and luck < 0.2:
                part = part[: _SECTOR_BYTES * chance.randrange(1 + len(part) // _SECTOR_BYTES)] if chance else part
            if luck < 0.7:
                _apply(data, at, part)
        return bytes(data)


def _apply(data: bytearray, at: int, part: bytes | None) -> None:
    size = at if part is None else max(len(data), at + len(part))
    del data[size:]
    data.extend(bytes(size - len(data)))
    if part is not None:
        data[at : at + len(part)] = part


class Disk:
    """The folder `root` as its processes and as the disk see it, after each change."""

    def __init__(self, root: Path) -> None:
        self._root = str(root.resolve())
        self._seen: dict[str, Node] = {self._root: Node(is_folder=True)}  # by path
        self._sure: dict[str, Node] = dict(self._seen)
        self._open: dict[tuple[int, int], tuple[str, Node]] = {}

    def take(self, change: Change) -> bool:
        """Carry out a change; whether what may be on the disk is another now."""
        path, key = change.first.decode("utf-8", "replace"), (change.process, change.file)
        if change.op == "open":
            return self._opened(path, change.at, key)
        if change.op in ("rename", "unlink", "mkdir"):
            self._renamed(change.op, path, change.second.decode("utf-8", "replace"))
            return True
        if key in self._open:
            name, node = self._open[key]
            if change.op == "sync":
                self._synced(name, node)
            elif change.op in ("write", "cut"):
                node.since.append((change.at, change.first if change.op == "write" else None))
            elif change.op == "close":
                del self._open[key]
            return change.op in ("sync", "write", "cut")
        return False

    def _opened(self, path: str, flags: int, key: tuple[int, int]) -> bool:
        is_new = path not in self._seen
        node = self._seen.setdefault(path, Node(is_folder=not flags & _NEW))
        if flags & _CUT:
            node.since.append((0, None))
        self._open[key] = path, node
        return is_new or bool(flags & _CUT)

    def _renamed(self, op: str, path: str, to: str) -> None:
        if op == "mkdir":
            self._seen[path] = Node(is_folder=True)
        elif path in self._seen:
            node = self._seen.pop(path)
            if op == "rename":
                self._seen[to] = node

    def _synced(self, path: str, node: Node) -> None:
        node.sync()
        if node.is_folder:
            for name in {*self._seen, *self._sure}:
                if str(PurePosixPath(name).parent) == path:
                    self._take_over(name)

    def _take_over(self, name: str) -> None:
        if name in self._seen:
            self._sure[name] = self._seen[name]
        else:
            self._sure.pop(name, None)

    def after_loss(self, folder: Path, chance: random.Random | None = None) -> None:
        """Write what may be there into an empty folder: what is sure, or with `chance` more than that."""
        names = dict(self._sure)
        for name in {*self._seen, *self._sure} if chance is not None else ():
            if chance is not None and self._seen.get(name) is not self._sure.get(name) and chance.random() < 0.5:
                names.pop(name, None)
                if name in self._seen:
                    names[name] = self._seen[name]
        for name, node in sorted(names.items()):
            target = folder / name[len(self._root) :].lstrip("/")
            if name.endswith("-shm") or not target.parent.is_dir():  # of no meaning to the next process; unreachable
                continue
            if node.is_folder:
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(node.perhaps(chance))
