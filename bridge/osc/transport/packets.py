"""OSC 1.0 packets to messages and back, through python-osc, with its traps closed. Knows no socket.

python-osc skips type tags that it does not know without their bytes, gives a message without type tags no arguments,
takes bytes that a cut message lacks for 0, and delays bundles by their time tags: here unknown tags and missing bytes
are errors, and every message of a bundle counts now.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.foreign_text import shown
from bridge.osc.transport.surface import Message, Peer, SurfaceCallbacks

KNOWN_TAGS = frozenset("ifsbTFNIhdtrm[]")  # I, an impulse, has no bytes: a message without an argument
MAX_DEPTH = 8
MAX_MESSAGES = 512
SIZES = {"i": 4, "f": 4, "r": 4, "m": 4, "h": 8, "d": 8, "t": 8}  # bytes; s and b tell theirs; the others have none


class PacketError(Exception):
    """Bytes that are no OSC packet, or one that uses type tags we do not know."""


@lru_cache(maxsize=256, typed=True)  # the same message goes to every surface
def encode(path: str, *arguments: Any) -> bytes:
    """One message as bytes. Whole numbers are `i`, other numbers `f`, text `s`, which a surface can show as it is."""
    builder = OscMessageBuilder(address=path)
    for argument in arguments:
        kind = "f" if isinstance(argument, float) else "i" if isinstance(argument, int) else "s"
        builder.add_arg(shown(argument) if kind == "s" else argument, kind)
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


def hand_on(sender: Peer, data: bytes, callbacks: SurfaceCallbacks) -> None:
    """One packet from a peer: messages go on, broken ones are told."""
    try:
        messages = decode(data)
    except PacketError as error:
        callbacks.on_broken(sender, str(error))
        return
    callbacks.on_messages(sender, messages)


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
        _check_arguments(data)
        message = OscMessage(data)
        yield Message(message.address, tuple(message.params))
    else:
        raise PacketError("neither a message nor a bundle")


def _check_arguments(data: bytes) -> None:
    """Raises PacketError unless the bytes are those that the type tags say, and texts are UTF-8."""
    _text(data, 0, "the address")
    tags, at = type_tags(data), _padded(data, 0)
    if not tags and at < len(data) and data[at : at + 1] != b",":
        raise PacketError("a message without type tags; write a comma and one of i, f, s for each argument")
    if at < len(data):
        _text(data, at, "the list of type tags")
        at = _padded(data, at)
    values = [tag for tag in tags if tag not in "[]"]
    for number, tag in enumerate(values, 1):
        which = f"argument {number} ({tag})"
        end = _end(data, at, tag, which)
        if end > len(data):
            raise PacketError(f"{which} has {max(0, len(data) - at)} of {end - at} bytes: the message was cut")
        at = end
    if at > len(data) or data[at:].strip(b"\0"):
        raise PacketError(f"a message of {len(data)} bytes whose type tags say {at}")


def _end(data: bytes, at: int, tag: str, which: str) -> int:
    """Where an argument ends that begins at `at`."""
    if tag == "s":
        _text(data, at, which)
        return _padded(data, at)
    if tag == "b":
        return at + 4 + -(-int.from_bytes(data[at : at + 4], "big") // 4) * 4
    return at + SIZES.get(tag, 0)


def _text(data: bytes, at: int, which: str) -> None:
    end = data.find(b"\0", at)
    if end < 0:
        raise PacketError(f"{which} does not end: the message was cut")
    try:
        data[at:end].decode("utf-8")
    except UnicodeDecodeError as error:
        shown = data[at:end].decode("latin-1")
        raise PacketError(f"{which} is not UTF-8 (in Latin-1 it would be {shown!r}); send text as UTF-8") from error


def _padded(data: bytes, at: int) -> int:
    """The end of a text that begins at `at`: its NUL and the padding to 4 bytes belong to it."""
    return (data.find(b"\0", at) // 4 + 1) * 4


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
