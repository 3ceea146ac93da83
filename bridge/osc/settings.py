"""How a controller is set up. Knows no socket."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bridge.osc.transport.surface import Peer
from engine.atomic import naming

DEFAULT_PORT = 9725
DEFAULT_REAPER_PORT = 9726  # where REAPER listens, unless said otherwise


@dataclass(frozen=True)
class OscSettings:
    """Where to listen, who may speak, where feedback goes, which folders may be named.

    `allowed` are addresses of other machines; this one is always heard. `surfaces` get feedback without asking.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed: frozenset[str] = frozenset()
    surfaces: tuple[Peer, ...] = ()
    reaper: Peer | None = None
    roots: tuple[Path, ...] = ()
    announce: bool = False
    ableton_link: bool = False  # joined from the start
    midi: tuple[str, ...] = ()  # parts of device names, "all", "virtual"


def is_under(path: Path, roots: tuple[Path, ...]) -> bool:
    """Whether a path, with links followed, lies in one of the folders."""
    real = path.resolve()
    return any(real.is_relative_to(root.resolve()) for root in roots)


def copy_into(folder: Path, source: Path, stem: str) -> Path:
    """Copy a file under a name that is not taken. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        target = folder / f"{stem}{'' if number == 1 else f' {number}'}{source.suffix}"
        try:
            write = open(target, "xb")  # noqa: SIM115  closed below
        except FileExistsError:
            number += 1
            continue
        try:
            with naming(target), write, open(source, "rb") as read:
                shutil.copyfileobj(read, write)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target
