"""What people type to learn a fader or button: an address, and arguments where a button sends them. Knows addresses."""

from __future__ import annotations

import difflib
from typing import Any

from bridge.midi.scales import can_move
from bridge.osc.address_space.addresses import ROOT, Address, Kind, address_table
from bridge.osc.address_space.values import OscError, checked

LEARN = f"{ROOT}/midi/learn"


def parse(text: str, exact: bool = True) -> tuple[Address, tuple[Any, ...]]:
    """`variance`, `/acestep/preset/recall Soft` or `region/bars 5 4` as address and arguments. Raises OscError.

    Not exact: arguments that a button must send may be left out.
    """
    name, _, rest = text.strip().partition(" ")
    path = name if name.startswith(ROOT) else f"{ROOT}/{name}"
    address = address_table().get(path)
    if address is None:
        near = difflib.get_close_matches(path, address_table(), n=1)
        raise OscError(LEARN, repr(text[:80]), f"an address, such as {near[0] if near else f'{ROOT}/variance'}")
    arguments = _arguments(address, rest.strip())
    if exact and not arguments and not _needs_none(address):
        raise OscError(
            LEARN, repr(text[:80]), f"{path} with what the button sends, such as '{path} {_sample(address)}'"
        )
    return address, arguments


def _arguments(address: Address, rest: str) -> tuple[Any, ...]:
    if not rest:
        return ()
    words = [rest] if address.tags == "s" else rest.split()
    return checked(
        address, tuple(_number(w) if tag in "if" else w for tag, w in zip(address.tags, words, strict=False))
    )


def _number(word: str) -> Any:
    try:
        return float(word) if "." in word else int(word)
    except ValueError:
        return word


def _needs_none(address: Address) -> bool:
    """Whether a fader, or a button alone, says enough."""
    return not address.tags or (address.kind is not Kind.COMMAND and can_move(address))


def _sample(address: Address) -> str:
    return " ".join({"i": "4", "f": "8.0", "s": "Soft"}[tag] for tag in address.tags)
