"""The daemon's sockets: a ROUTER and a PUB on loopback, and, if asked for, a pair with CURVE elsewhere.

Knows frames, signatures and who speaks; knows no operation.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zmq
import zmq.asyncio
from zmq.auth.asyncio import AsyncioAuthenticator

from bridge.protocol import keys
from bridge.protocol.errors import BridgeError
from bridge.protocol.frames import MAX_MESSAGE_BYTES
from bridge.protocol.home import Endpoints

logger = logging.getLogger("bridge.daemon")
_HEARTBEAT_MS = 5_000
_ZAP_DOMAIN = "acestep-bridge"
_PEER_TIMEOUT_MS = 30_000


class WrongAddress(BridgeError):
    """An address that the daemon cannot or must not bind."""


@dataclass(frozen=True)
class Speaker:
    """Who sent a message: a client's name ("" on loopback) and the key it signs with."""

    name: str
    key: str


class Door:
    """A ROUTER, a PUB, and the key of whoever speaks there."""

    def __init__(self, context: zmq.asyncio.Context, key: str) -> None:
        self.commands = _tuned(context.socket(zmq.ROUTER))
        self.commands.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.events = _tuned(context.socket(zmq.PUB))
        self.events_key = key
        self._key = key

    def bind(self) -> Endpoints:
        """Bind on loopback, on free ports."""
        for socket in (self.commands, self.events):
            socket.bind("tcp://127.0.0.1:*")
        return Endpoints(*(s.getsockopt_string(zmq.LAST_ENDPOINT) for s in (self.commands, self.events)))

    def speaker(self, frames: Sequence[zmq.Frame]) -> Speaker | None:
        """Who sent these frames; None: nobody who may."""
        return Speaker("", self._key)

    def close(self) -> None:
        """Close both sockets, sending what is queued."""
        for socket in (self.commands, self.events):
            socket.close(linger=300)


class CurveDoor(Door):
    """A door for other machines: CURVE, only for clients that were allowed, each with its own key."""

    def __init__(self, context: zmq.asyncio.Context, home: Path, address: str) -> None:
        self._pair = keys.server_pair(home)
        super().__init__(context, keys.events_key(self._pair.secret))
        self._home = home
        self._address = address
        for socket in (self.commands, self.events):
            socket.curve_server = True
            socket.curve_secretkey = self._pair.secret.encode("ascii")
            socket.curve_publickey = self._pair.public.encode("ascii")
            socket.setsockopt(zmq.ZAP_DOMAIN, _ZAP_DOMAIN.encode("ascii"))

    def bind(self) -> Endpoints:
        """Bind the ROUTER at the address and the PUB on the next port. Raises WrongAddress."""
        host, port = split_address(self._address)
        endpoints = Endpoints(f"tcp://{host}:{port}", f"tcp://{host}:{port + 1}")
        try:
            self.commands.bind(endpoints.commands)
            self.events.bind(endpoints.events)
        except zmq.ZMQError as error:
            raise _refusal(host, port, error) from error
        return endpoints

    def speaker(self, frames: Sequence[zmq.Frame]) -> Speaker | None:
        """The allowed client that CURVE says has sent these frames."""
        public = frames[1].get("User-Id") if len(frames) > 1 else None  # the identity has no properties
        for name, allowed in keys.allowed(self._home).items():
            if allowed == public:
                return Speaker(name, keys.wire_key(self._pair.secret, allowed))
        return None


def _refusal(host: str, port: int, error: zmq.ZMQError) -> WrongAddress:
    if error.errno == errno.EADDRINUSE:
        text = f"bind: port {port} or {port + 1} of {host} is taken by another program. End it, or choose another"
        return WrongAddress(f"{text} port, such as tcp://{host}:{port + 10 if port < 65_000 else 49400}.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return WrongAddress(f"bind: port {port} is not for ordinary users. Choose one above 1023, such as 49400.")
    return WrongAddress(
        f"bind: {host} is no address of this machine ({error}). Say tcp://0.0.0.0:{port} for all it has."
    )


class _Allowed:
    def __init__(self, home: Path) -> None:
        self._home = home

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a client with this public key may come in."""
        return key.decode("ascii") in keys.allowed(self._home).values()


def start_authenticator(context: zmq.asyncio.Context, home: Path) -> AsyncioAuthenticator:
    """Let in who was allowed. Start it before binding a `CurveDoor`; stop it at the end."""
    authenticator = AsyncioAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback(domain=_ZAP_DOMAIN, credentials_provider=_Allowed(home))
    return authenticator


def split_address(address: str) -> tuple[str, int]:
    """tcp://host:port -> host, port. Raises WrongAddress."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.scheme != "tcp" or not parts.hostname or port > 65534:
        raise WrongAddress(f"bind: got {address!r}, expected an address such as tcp://192.168.1.5:49400.")
    return parts.hostname, port


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tuned(socket: Any) -> Any:
    socket.setsockopt(zmq.LINGER, 300)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _PEER_TIMEOUT_MS)
    return socket
