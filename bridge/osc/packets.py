"""OSC 1.0 packets to messages and back, through python-osc, with its traps closed. Knows no socket.

python-osc skips type tags that it does not know without their bytes, gives a message without type tags no arguments,
and delays bundles by their time tags: here unknown tags are an error, and every message of a bundle counts now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

KNOWN_TAGS = frozenset("ifsbTFNIhdtrm[]")  # I, an impulse, has no bytes: a message without an argument
MAX_DEPTH = 8
MAX_MESSAGES = 512


@dataclass(frozen=True)
class Message:
    """One message: its address and arguments."""

    path: str
    arguments: tuple[Any, ...]


class PacketError(Exception):
    """Bytes that are no OSC packet, or one that uses type tags we do not know."""


def encode(path: str, *arguments: Any) -> bytes:
    """One message as bytes. Whole numbers are `i`, other numbers `f`, text `s`."""
    builder = OscMessageBuilder(address=path)
    for argument in arguments:
        kind = "f" if isinstance(argument, float) else "i" if isinstance(argument, int) else "s"
        builder.add_arg(argument, kind)
    return builder.build().dgram


def decode(data: bytes) -> list[Message]:
    """Every message of a packet, bundles opened, in order. Raises PacketError."""
    try:
        messages = list(_messages(data))
    except PacketError:
        raise
    except Exception as error:  # python-osc raises many kinds for bytes that are no OSC
        raise PacketError(f"no OSC packet: {error}") from error
    if len(messages) > MAX_MESSAGES:
        raise PacketError(f"a bundle of {len(messages)} messages, at most {MAX_MESSAGES} are taken")
    return messages


def _messages(data: bytes, depth: int = 0) -> Iterator[Message]:
    if depth > MAX_DEPTH:
        raise PacketError(f"bundles inside bundles, more than {MAX_DEPTH} deep")
    if OscBundle.dgram_is_bundle(data):
        for element in _elements(data):
            yield from _messages(element, depth + 1)
    elif OscMessage.dgram_is_message(data):
        unknown = set(type_tags(data)) - KNOWN_TAGS
        if unknown:
            raise PacketError(f"type tags {' '.join(sorted(unknown))} are not known here; use i, f and s")
        message = OscMessage(data)
        yield Message(message.address, tuple(message.params))
    else:
        raise PacketError("neither a message nor a bundle")


def _elements(bundle: bytes) -> Iterator[bytes]:
    """The packets of a bundle: after "#bundle", 0 and the time tag, each with its size in 4 bytes (OSC 1.0)."""
    at = 16
    if len(bundle) < at:
        raise PacketError("a bundle without a time tag")
    while at < len(bundle):
        size = int.from_bytes(bundle[at : at + 4], "big")
        element = bundle[at + 4 : at + 4 + size]
        if size == 0 or len(element) != size:
            raise PacketError("a bundle that ends in the middle of an element")
        yield element
        at += 4 + size


def type_tags(data: bytes) -> str:
    """The type tags of a message, without the comma; "" where there are none."""
    end = data.find(b"\0")
    start = (end // 4 + 1) * 4
    if end < 0 or data[start : start + 1] != b",":
        return ""
    return data[start + 1 : data.find(b"\0", start)].decode("ascii", "replace")
