"""What a surface is: a transport by which performers' devices speak to the controller. UDP, TCP and MIDI are three."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Peer = tuple[str, int]


@dataclass(frozen=True)
class Message:
    """One message: its address and arguments."""

    path: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class SurfaceCallbacks:
    """What a surface calls: with what it heard, and for what an address shows now."""

    on_messages: Callable[[Peer, list[Message]], None]  # all of a bundle together
    on_broken: Callable[[Peer, str], None]  # what could not be read, and why
    on_gone: Callable[[Peer], None]  # nothing can be shown there any more
    on_listening: Callable[[Peer], None]  # a stream that is shown values until it has gone, however silent it is
    present: Callable[[str], Sequence[Any]]  # an address's arguments; none where they are not known
    put: Callable[..., None]  # an address and its arguments, for all surfaces
    answer: Callable[..., None]  # a peer, an address and its arguments: for that one alone


class Surface(Protocol):
    """One kind of transport. `open`, then `run` until it is cancelled, then `close`.

    `permanent` are places that are shown everything without asking; `has_words` says whether errors can be read there.
    """

    permanent: tuple[Peer, ...]
    has_words: bool

    async def open(self, callbacks: SurfaceCallbacks) -> None:
        """Begin to hear. Raises BridgeError where that cannot be."""

    async def run(self) -> None:
        """Serve, for ever."""

    async def close(self) -> None:
        """Hear and show nothing more."""

    def serves(self, peer: Peer) -> bool:
        """Whether this peer is reached by this surface."""

    def show(self, peer: Peer, path: str, arguments: Sequence[Any]) -> None:
        """Tell a peer an address's arguments. What cannot be sent is dropped; nothing blocks."""
