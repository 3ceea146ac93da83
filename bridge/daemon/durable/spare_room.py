"""Room on the disk that is kept, so that deleting works on a full one: SQLite writes before it frees anything."""

from __future__ import annotations

import contextlib
from pathlib import Path

from engine.atomic import reserve

NAME, BYTES = "spare-room", 1 << 21


class SpareRoom:
    """A file in the product's folder that is given up for a change which frees more."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME

    def keep(self) -> None:
        """Take the room where there is some and none is taken yet."""
        if self._path.exists():
            return
        try:
            with open(self._path, "xb") as file:
                reserve(file, BYTES)
                file.write(bytes(BYTES))
        except OSError:
            self.give_up()

    def give_up(self) -> bool:
        """Free it; whether there was any."""
        with contextlib.suppress(OSError):
            self._path.unlink()
            return True
        return False
