"""A MIDI cable in this process: bytes go in at one end, mido's own parser and ports take them out at the other.

As a mido backend it has the names and functions that mido's ports ask for.
"""

from __future__ import annotations

from typing import ClassVar

import mido
from mido.parser import Parser


class Cable:
    """The devices that are plugged in, by name; `heard` is what was sent to each, as bytes."""

    names: ClassVar[list[str]] = []
    inputs: ClassVar[dict[str, Input]] = {}
    heard: ClassVar[dict[str, list[bytes]]] = {}

    @classmethod
    def play(cls, name: str, *data: int) -> None:
        """Bytes from a device, as they would come over a wire."""
        port = cls.inputs[name]
        port.parser.feed(data)
        for message in port.parser:
            port.callback(message)


class Input:
    def __init__(self, name: str, callback) -> None:
        if name not in Cable.names:
            raise OSError("unplugged")
        self.name, self.callback, self.parser = name, callback, Parser()
        Cable.inputs[name] = self

    def close(self) -> None:
        Cable.inputs.pop(self.name, None)


class Output:
    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, message: mido.Message) -> None:
        Cable.heard.setdefault(self.name, []).append(bytes(message.bytes()))

    def close(self) -> None:
        pass


class Backend:
    """What `MidiPorts` uses of mido."""

    Message = mido.Message

    @staticmethod
    def get_input_names() -> list[str]:
        return list(Cable.names)

    get_output_names = get_input_names

    @staticmethod
    def open_input(name: str, callback, virtual: bool = False) -> Input:
        if virtual:
            raise OSError("no virtual ports")
        return Input(name, callback)

    @staticmethod
    def open_output(name: str, virtual: bool = False) -> Output:
        return Output(name)
