"""Which part of the controller does what an address asks for: one handler for every address that can be sent to us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.osc.address_space.addresses import Address, Kind, address_table
from bridge.osc.address_space.values import checked
from bridge.osc.transport.surface import Peer

Do = Callable[[Peer, Any], None]


@dataclass(frozen=True)
class Handler:
    """`check` makes a value of a message's arguments, or raises OscError; `do` gets the sender and that value.

    Every message of a bundle is checked before any is done. `do` may raise OscError, too.
    """

    do: Do
    check: Callable[[Address, tuple[Any, ...]], Any] = checked


Handlers = Mapping[str, Handler]  # by address


class Part(Protocol):
    """A part of the controller that does what some addresses ask for."""

    def handlers(self) -> Handlers:
        """By address."""


class WrongHandlers(Exception):
    """An address without a handler, with two, or a handler of an address that nobody may send."""


def handler_table(parts: Iterable[Part]) -> dict[str, Handler]:
    """The handlers of all parts. Raises WrongHandlers unless every control, command and query has exactly one."""
    table: dict[str, Handler] = {}
    twice: set[str] = set()
    for part in parts:
        handlers = part.handlers()
        twice |= handlers.keys() & table.keys()
        table |= handlers
    wanted = {address.path for address in address_table().values() if address.kind is not Kind.FEEDBACK}
    wrong = {"twice": twice, "missing": wanted - table.keys(), "not to be sent": table.keys() - wanted}
    if any(wrong.values()):
        differences = "; ".join(f"{what}: {', '.join(sorted(paths))}" for what, paths in wrong.items() if paths)
        raise WrongHandlers(f"handlers of addresses {differences}")
    return table
