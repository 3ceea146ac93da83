"""The MIDI map: which fader or button means which address. Knows a file, no port and no socket.

`midi.json` in the product's folder; written whole or not at all, and easy to edit by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from bridge.system.atomic import write_private

Kind = Literal["cc", "cc14", "pitch", "note", "program"]
Mode = Literal["absolute", "press", "twos", "offset", "sign"]
RELATIVE = frozenset({"twos", "offset", "sign"})
_KINDS = {"cc": "CC", "cc14": "14-bit CC", "pitch": "pitch bend", "note": "note", "program": "program"}


class BadMap(Exception):
    """A map that cannot be read; says what and where."""


def stable_name(port: str) -> str:
    """A port's name without the numbers that change when it is plugged in again (ALSA's 24:0, Windows' 1)."""
    return re.sub(r"( \d+:\d+| \d+)$", "", port)


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fader, knob, button or pedal. `port` is a part of the device's name; empty: any device."""

    kind: Kind
    channel: int  # 1 to 16
    number: int = 0  # controller, note or program; 0 for pitch bend
    port: str = ""

    @property
    def words(self) -> str:
        """For people: CC 7 on channel 1."""
        number = "" if self.kind == "pitch" else f" {self.number}"
        where = f" of {self.port}" if self.port else ""
        return f"{_KINDS[self.kind]}{number} on channel {self.channel}{where}"

    def covers(self, other: Source) -> bool:
        """Whether this source, perhaps of any device, is that of a message."""
        same = (self.kind, self.channel, self.number) == (other.kind, other.channel, other.number)
        return same and self.port in other.port


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a source means. `low` and `high` replace the address's own range, `step` a knob's step.

    mode: absolute (a fader), press (a button that sends 127 and 0), or how an endless knob counts: twos (1, 127),
    offset (65, 63), sign (1, 65). `pickup`: a fader that stands elsewhere sets nothing until it reaches the present
    value.
    """

    source: Source
    address: str
    arguments: tuple[int | float | str, ...] = ()
    mode: Mode = "absolute"
    low: float | None = None
    high: float | None = None
    step: float | None = None
    pickup: bool = False

    @property
    def meaning(self) -> str:
        """The address and its arguments, as they are typed to learn it."""
        return " ".join([self.address, *map(str, self.arguments)])


class _File(msgspec.Struct, kw_only=True):
    bindings: list[Binding]
    version: int = 1


class MidiMap:
    """The bindings of one file, which is made with the first. `reload` takes over what others wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self.bindings: list[Binding] = []

    def reload(self) -> bool:
        """Read the file if it is another one than before; whether it was. Raises BadMap."""
        try:
            about = self._path.stat()
            stamp = (about.st_mtime_ns, about.st_size)
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self.bindings = msgspec.json.decode(self._path.read_bytes(), type=_File).bindings
        except FileNotFoundError:
            changed, self.bindings, self._stamp = bool(self.bindings), [], None
            return changed
        except (msgspec.MsgspecError, OSError, UnicodeDecodeError, RecursionError) as error:
            raise BadMap(
                f"{self._path.name}: {error}. Correct the file, or remove it and learn the controls again"
            ) from error
        return True

    def bind(self, binding: Binding) -> None:
        """Add a binding; another one of the same source goes. Raises OSError."""
        self._write([*(b for b in self.bindings if b.source != binding.source), binding])

    def forget(self, meaning: str) -> int:
        """Remove the bindings of an address (with its arguments, if given); how many there were. Raises OSError."""
        gone = [b for b in self.bindings if meaning in (b.address, b.meaning)]
        if gone:
            self._write([b for b in self.bindings if b not in gone])
        return len(gone)

    def of_source(self, source: Source) -> list[Binding]:
        """What a message's source means."""
        return [b for b in self.bindings if b.source.covers(source)]

    def of_address(self, address: str) -> list[Binding]:
        """What shows or sets an address."""
        return [b for b in self.bindings if b.address == address]

    def _write(self, bindings: list[Binding]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = msgspec.json.format(msgspec.json.encode(_File(bindings=bindings)), indent=1)
        write_private(self._path, data + b"\n")
        self.bindings = bindings
        about = self._path.stat()
        self._stamp = (about.st_mtime_ns, about.st_size)
