"""Where checkpoints of the user's own lie. Recipes and clients know their names; the record of jobs knows the paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from bridge.jobs.store import JobStore
from bridge.protocol.errors import BridgeError
from engine.checkpoints.registry import models_folder


def own_models(home: Path) -> Iterator[Path]:
    """Folders and files that jobs were rendered with, the newest first, and those in the models folder, as far as they
    are there."""
    path = home / "jobs.sqlite3"
    recorded: list[str] = []
    if path.is_file():
        with suppress(BridgeError), closing(JobStore.reading(path)) as store:
            recorded = store.models()
    with suppress(OSError):
        inside = sorted(models_folder(home).glob("*"))
        places = dict.fromkeys([*(Path(name) for name in recorded if Path(name).is_absolute()), *inside])
        yield from (place for place in places if place.exists())


def place_of(home: Path, name: str) -> Path | None:
    """The checkpoint of that name (of its folder or file) that was used last, if there is one."""
    return next((place for place in own_models(home) if place.name == name), None)
