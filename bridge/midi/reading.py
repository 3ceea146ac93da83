"""MIDI 1.0 channel messages to movements of faders, knobs and buttons, and back. Knows no map and no port."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.midi.bindings import Source

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, PITCH = 0x80, 0x90, 0xB0, 0xC0, 0xE0
MAX_7, MAX_14 = 127, 16_383
LSB = 32  # controllers 32 to 63 hold the lower bits of 0 to 31


@dataclass(frozen=True)
class Move:
    """A source moved: to `value` between 0 and 1; `raw` is the message's own 7 bits."""

    source: Source
    value: float
    raw: int


class Reader:
    """Messages of one device, in order; remembers the upper bits of 14-bit controllers."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._upper: dict[tuple[int, int], int] = {}

    def read(self, message: bytes) -> list[Move]:
        """What a message says: a controller may be a fader of its own and half of a 14-bit one."""
        if len(message) < 2 or not 0x80 <= message[0] < 0xF0:
            return []  # clock, system exclusive: nothing that moves
        kind, channel, number = message[0] & 0xF0, (message[0] & 0x0F) + 1, message[1]
        value = message[2] if len(message) > 2 else 0
        if kind in (NOTE_ON, NOTE_OFF):
            velocity = value if kind == NOTE_ON else 0
            return [Move(self._source("note", channel, number), velocity / MAX_7, velocity)]
        if kind == CONTROL:
            return [
                Move(self._source("cc", channel, number), value / MAX_7, value),
                *self._wide(channel, number, value),
            ]
        if kind == PITCH:
            return [Move(self._source("pitch", channel), (number | value << 7) / MAX_14, value)]
        return [Move(self._source("program", channel, number), 1.0, MAX_7)] if kind == PROGRAM else []

    def _wide(self, channel: int, number: int, value: int) -> list[Move]:
        if number < LSB:
            self._upper[channel, number] = value
            return [Move(self._source("cc14", channel, number), (value << 7) / MAX_14, value)]
        upper = self._upper.get((channel, number - LSB))
        if number >= 2 * LSB or upper is None:
            return []
        return [Move(self._source("cc14", channel, number - LSB), (upper << 7 | value) / MAX_14, value)]

    def _source(self, kind: str, channel: int, number: int = 0) -> Source:
        return Source(kind=kind, channel=channel, number=number, port=self._port)  # type: ignore[arg-type]


def ticks(mode: str, raw: int) -> int:
    """Steps of an endless knob; negative to the left."""
    if mode == "twos":
        return raw if raw < 64 else raw - 128
    if mode == "offset":
        return raw - 64
    return raw if raw < 64 else 64 - raw


def shown(source: Source, value: float) -> list[bytes]:
    """The messages that move a motor fader, a ring of lamps or a lamp to `value` (0 to 1)."""
    channel = source.channel - 1
    if source.kind == "note":
        return [bytes([NOTE_ON | channel, source.number, MAX_7 if value > 0 else 0])]
    if source.kind == "cc":
        return [bytes([CONTROL | channel, source.number, round(value * MAX_7)])]
    wide = round(value * MAX_14)
    if source.kind == "cc14":
        parts = ((source.number, wide >> 7), (source.number + LSB, wide & MAX_7))
        return [bytes([CONTROL | channel, number, part]) for number, part in parts]
    return [bytes([PITCH | channel, wide & MAX_7, wide >> 7])] if source.kind == "pitch" else []
