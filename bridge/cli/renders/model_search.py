"""Which model makes a clip again. A recipe knows its model by name and fingerprint, and no path, so that equal requests
give equal files. Knows checkpoints, no socket.

A model of the list is taken by its name. A checkpoint of the user's own is looked for where jobs had it and in the
models folder; only one with the recipe's fingerprint counts. Another machine that renders knows its models itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from bridge.jobs.own_models import own_models
from bridge.protocol.home import home_folder
from bridge.protocol.linked import read_linked
from engine.checkpoints import registry
from engine.checkpoints.identity import fingerprint
from engine.errors import InvalidRequest

MOST = 50  # checkpoints that are looked at


def model_of(recipe: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The model as a request names it, and what to say about it. Raises InvalidRequest where it is not here."""
    name, sha256 = str(recipe["model"].get("name") or ""), str(recipe["model"].get("sha256") or "")
    home = home_folder()
    entry = next((entry for entry in registry.entries() if entry.name == name), None)
    if read_linked(home) is not None or not sha256 or (entry is not None and not entry.installed):
        return name, ()  # the daemon says what is wrong with it
    if entry is not None:
        return name, () if fingerprint(entry.folder) == sha256 else (_OTHER.format(name=name),)
    return _own(home, name, sha256)


def other_model(recipe: Mapping[str, Any], given: str) -> tuple[str, ...]:
    """What to say where the model that the user names is called as the recipe's, and is another one."""
    name, sha256 = recipe["model"].get("name"), recipe["model"].get("sha256")
    path = Path(given).expanduser()
    if not sha256 or path.name != name or not path.exists() or fingerprint(path) == sha256:
        return ()
    return (_OTHER.format(name=name),)


def _own(home: Path, name: str, sha256: str) -> tuple[str, tuple[str, ...]]:
    places = sorted(islice(own_models(home), MOST), key=lambda place: place.name != name)
    for place in places:
        with suppress(OSError):
            if fingerprint(place) == sha256:
                return str(place), (f"The model is {place}.",)
    changed = next((place for place in places if place.name == name), None)
    raise InvalidRequest(
        "model",
        f"{changed}, which has changed since" if changed else f"no {name!r}, and no checkpoint with its fingerprint",
        f"the checkpoint that the clip was made with (fingerprint {sha256[:16]})",
        "Name it with --model PATH; another one, or the changed one, may be named too and gives another clip.",
    )


_OTHER = "{name} is not the model that the clip was made with, or has changed since: the result differs."
