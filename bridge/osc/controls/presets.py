"""Presets: controls under a name, one JSON file each. Knows a folder, no socket and no daemon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.system.atomic import write_private

MAX_NAME = 80
_FORBIDDEN = frozenset('/\\:*?"<>|')
_ENDING = ".json"


class BadPreset(Exception):
    """A preset that cannot be saved or recalled: `got` and `expected` say why."""

    def __init__(self, got: str, expected: str) -> None:
        super().__init__(f"got {got}, expected {expected}")
        self.got, self.expected = got, expected


class Presets:
    """The presets of one folder, which is made with the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Names in alphabetical order."""
        if not self._folder.is_dir():
            return []
        return sorted(path.name.removesuffix(_ENDING) for path in self._folder.glob(f"*{_ENDING}"))

    def save(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a preset, whole or not at all. Raises BadPreset, OSError."""
        path = self._path(name)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, json.dumps(dict(values), indent=1, sort_keys=True).encode())

    def recall(self, name: str) -> dict[str, Any]:
        """The values of a preset. Raises BadPreset."""
        path = self._path(name)
        try:
            values = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise BadPreset(repr(name), "one of " + (", ".join(self.names()) or "no presets yet")) from error
        except (OSError, ValueError, RecursionError) as error:
            raise BadPreset(f"a damaged file ({error})", "JSON; save the preset again") from error
        if not isinstance(values, dict):
            raise BadPreset("JSON that is no object", "an object of controls; save the preset again")
        return values

    def _path(self, name: str) -> Path:
        bad = not name.strip() or name != name.strip() or name.startswith(".") or name.endswith(".")
        if bad or len(name) > MAX_NAME or set(name) & _FORBIDDEN or not name.isprintable():
            signs = " ".join(sorted(_FORBIDDEN))
            raise BadPreset(repr(name[:MAX_NAME]), f"a name of 1 to {MAX_NAME} characters without {signs}")
        return self._folder / f"{name}{_ENDING}"
