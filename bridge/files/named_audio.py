"""Audio that projects name by its hash: in paths into the store, and in recipes. Knows text, no project's grammar.

REAPER's scripts copy results into the project's folder; what is found here was put there by hand, or is the source of a
recipe.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ENDINGS = frozenset({".rpp", ".rpp-bak", ".rpp-undo", ".ardour"})
MOST_FILES = 20_000
_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_RECENT = re.compile(r"^recent\d+=(.+)$", re.MULTILINE | re.IGNORECASE)
_PIECE_BYTES = 1 << 22


def named_in(places: Iterable[str]) -> dict[str, str]:
    """By hash, which project names it. A place is a project, a folder of them, or REAPER's list of recent ones."""
    named: dict[str, str] = {}
    for number, project in enumerate(projects_in(places)):
        if number >= MOST_FILES:
            break
        with contextlib.suppress(OSError):
            named |= dict.fromkeys(hashes_in(project), str(project))
    return named


def projects_in(places: Iterable[str]) -> Iterator[Path]:
    """Project files; what is not there is passed over."""
    for place in map(Path, places):
        with contextlib.suppress(OSError):
            if place.name.lower() == "reaper.ini":
                text = place.read_text("utf-8", errors="surrogateescape")
                yield from (Path(path.strip()) for path in _RECENT.findall(text))
            elif place.is_dir():
                yield from (path for path in place.rglob("*") if path.suffix.lower() in ENDINGS)
            else:
                yield place


def hashes_in(path: Path) -> set[str]:
    """Every SHA-256 that a file holds as text. Raises OSError."""
    found: set[str] = set()
    with open(path, "rb") as file:
        before = b""
        while piece := file.read(_PIECE_BYTES):
            found |= {match.decode() for match in _HASH.findall(before + piece)}
            before = piece[-64:]
    return found
