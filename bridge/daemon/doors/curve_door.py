"""The daemon's way in for other machines: a ROUTER and an XPUB with CURVE, for clients that were allowed.

Strangers do not get past libzmq's handshake. Each client signs with a key of its own, gets its turn beside the others,
and sees events of its own jobs only. Knows keys and who speaks; knows no operation.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio
from zmq.auth.asyncio import AsyncioAuthenticator
from zmq.utils import z85

from bridge.daemon.doors.bind_address import WrongAddress, split_address
from bridge.daemon.doors.door import MOST_AT_WORK, Hearing, Speaker
from bridge.protocol import keys
from bridge.protocol.errors import BadSignature
from bridge.protocol.frames import MAX_FRAMES, MAX_MESSAGE_BYTES, Data, check_signature
from bridge.protocol.home import Endpoints

MOST_WAITING = 2000  # requests of one client that wait for their turn; more are refused
_HEARTBEAT_MS = 5_000
_PEER_TIMEOUT_MS = 30_000
_ZAP_DOMAIN = "acestep-bridge"
_OLD_SECONDS = 1.0  # two changes in one tick of the file system's clock look like one
_OPEN_TOPIC = b"controls"  # that every client may hear


class Clients:
    """Who is let in, read again whenever that changes."""

    def __init__(self, home: Path, secret: str) -> None:
        self._home, self._secret = home, secret
        keys.allowed(home)  # makes the folder
        self._changed_at, self._read_at = 0, -_OLD_SECONDS
        self._by_public: dict[str, Speaker] = {}

    def speaker(self, public: str) -> Speaker | None:
        """The client with this public key, if it is allowed now."""
        return self._now().get(public)

    def may_hear(self, owner: str, topic: str) -> bool:
        """Whether the client who owns what a topic is about is allowed, with the key it had then."""
        return any(s.name == owner and topic.startswith(f"job.{s.mark}-") for s in self._now().values())

    def _client(self, name: str, public: str) -> Speaker:
        key = keys.wire_key(self._secret, public)
        return Speaker(name, key, keys.mark(public), keys.rights(self._home, name))

    def _now(self) -> dict[str, Speaker]:
        changed, now = keys.changed_at(self._home), time.monotonic()
        if changed != self._changed_at or now - self._read_at > _OLD_SECONDS:
            self._changed_at, self._read_at = changed, now
            self._by_public = {
                public: Speaker(
                    name, keys.wire_key(self._secret, public), keys.mark(public), keys.rights(self._home, name)
                )
                for name, public in keys.allowed(self._home).items()
            }
        return self._by_public


@dataclass(frozen=True)
class _CurveLine:
    socket: zmq.asyncio.Socket
    identity: bytes
    speaker: Speaker

    async def send(self, frames: Sequence[Data]) -> None:
        try:
            await self.socket.send_multipart([self.identity, *frames], copy=False)
        except zmq.ZMQError as error:
            raise ConnectionResetError(str(error)) from error


class CurveDoor:
    """A door for other machines."""

    is_heard = True  # libzmq knows who listens

    def __init__(self, context: zmq.asyncio.Context, home: Path, address: str, hearing: Hearing) -> None:
        pair = keys.server_pair(home)
        self.events_key = keys.events_key(pair.secret)
        self._address, self._hearing = address, hearing
        self._clients = Clients(home, pair.secret)
        self._commands, self._events = (_secured(context.socket(kind), pair) for kind in (zmq.ROUTER, zmq.XPUB))
        self._commands.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._events.setsockopt(zmq.XPUB_MANUAL, 1)
        self._authenticator = _Authenticator(context, home, self._clients)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(domain=_ZAP_DOMAIN, credentials_provider=_Allowed(self._clients))
        self._waiting: defaultdict[str, deque[tuple[_CurveLine, list[memoryview]]]] = defaultdict(deque)
        self._at_work: defaultdict[str, int] = defaultdict(int)
        self._more = asyncio.Event()

    async def open(self) -> Endpoints:
        """Bind the commands at the address and the events on the next port. Raises WrongAddress."""
        host, port = split_address(self._address)
        endpoints = Endpoints(f"tcp://{host}:{port}", f"tcp://{host}:{port + 1}")
        try:
            self._commands.bind(endpoints.commands)
            self._events.bind(endpoints.events)
        except zmq.ZMQError as error:
            raise _refusal(host, port, error) from error
        return endpoints

    async def serve(self) -> None:
        """Hear, give turns, narrow subscriptions, until cancelled."""
        await asyncio.gather(self._receive(), self._give_turns(), self._narrow())

    def publish(self, topic: str, frames: Sequence[Data], owner: str) -> None:
        """To the client who owns it, as long as it is allowed; what belongs to nobody, to all."""
        if not owner or self._clients.may_hear(owner, topic):
            self._events.send_multipart([topic.encode("utf-8"), *frames])

    async def close(self) -> None:
        """Close both sockets, sending what is queued."""
        for socket in (self._commands, self._events):
            socket.close(linger=300)
        self._authenticator.stop()

    async def _receive(self) -> None:
        while True:
            frames = await self._commands.recv_multipart(copy=False)
            speaker = self._clients.speaker(_public_key(frames[-1]))  # the first, the identity, has no properties
            parts = [frame.buffer for frame in frames[1:]]
            if speaker is None or not _is_signed(speaker.key, parts):
                self._hearing.refused()
                continue
            line, waiting = _CurveLine(self._commands, frames[0].bytes, speaker), self._waiting[speaker.name]
            if len(waiting) >= MOST_WAITING:
                self._hearing.too_many(line, parts)
            else:
                waiting.append((line, parts))
                self._more.set()

    async def _give_turns(self) -> None:
        """One request of each client after the other, so that none waits for another's thousands."""
        while True:
            ready = [name for name, queue in self._waiting.items() if queue and self._at_work[name] < MOST_AT_WORK]
            if not ready:
                self._more.clear()
                await self._more.wait()
            for name in ready:
                line, parts = self._waiting[name].popleft()
                self._at_work[name] += 1
                self._hearing.heard(line, parts, functools.partial(self._done, name))
                await asyncio.sleep(0)

    def _done(self, name: str) -> None:
        self._at_work[name] -= 1
        self._more.set()

    async def _narrow(self) -> None:
        """Subscribe each client to what it may hear of what it asks for."""
        while True:
            frame = await self._events.recv(copy=False)
            said, speaker = frame.bytes, self._clients.speaker(_public_key(frame))
            if speaker is not None and said[:1] in (b"\0", b"\1"):
                option = zmq.SUBSCRIBE if said[0] else zmq.UNSUBSCRIBE
                for topic in narrowed(said[1:], speaker.mark):
                    self._events.setsockopt(option, topic)


class _Authenticator(AsyncioAuthenticator):
    """Refuses a key that was revoked with another status code: of ZAP's answer only the code reaches the client, and
    only after it has shown that the key is its own."""

    def __init__(self, context: zmq.asyncio.Context, home: Path, clients: Clients) -> None:
        super().__init__(context)
        self._home, self._clients = home, clients

    async def handle_zap_message(self, msg: list[bytes]) -> None:
        """Answer one question of libzmq's (RFC 27: version, request, domain, address, identity, mechanism, key)."""
        if msg[5:6] == [b"CURVE"] and len(msg) == 7 and self._was_revoked(msg[6]):
            assert self.zap_socket is not None
            self.zap_socket.send_multipart([msg[0], msg[1], b"%d" % keys.REVOKED_STATUS, b"Revoked", b"", b""])
        else:
            await super().handle_zap_message(msg)

    def _was_revoked(self, key: bytes) -> bool:
        if len(key) != 32:
            return False
        public = z85.encode(key).decode("ascii")
        return self._clients.speaker(public) is None and keys.was_revoked(self._home, public)


class _Allowed:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a client with this public key may come in."""
        return self._clients.speaker(key.decode("ascii")) is not None


def narrowed(topic: bytes, mark: str) -> list[bytes]:
    """The topics that a client with this mark gets for the one it asks for."""
    mine = f"job.{mark}-".encode("ascii")
    own = mine if mine.startswith(topic) else topic if topic.startswith(mine) else None
    both = (own, _OPEN_TOPIC if _OPEN_TOPIC.startswith(topic) else None)
    return [found for found in both if found is not None]


def _public_key(frame: zmq.Frame) -> str:
    """Whose a frame is, as CURVE has shown; "" for what libzmq sends in the name of a peer that has gone."""
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return ""


def _is_signed(key: str, parts: Sequence[memoryview]) -> bool:
    """Whether the speaker signed header and content; buffers are looked at later."""
    if not 3 <= len(parts) <= MAX_FRAMES:
        return False
    try:
        check_signature(key, parts[:3])
    except BadSignature:
        return False
    return True


def _refusal(host: str, port: int, error: zmq.ZMQError) -> WrongAddress:
    if error.errno == errno.EADDRINUSE:
        text = f"bind: port {port} or {port + 1} of {host} is taken by another program. End it, or choose another"
        return WrongAddress(f"{text} port, such as tcp://{host}:{port + 10 if port < 65_000 else 49400}.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return WrongAddress(f"bind: port {port} is not for ordinary users. Choose one above 1023, such as 49400.")
    return WrongAddress(
        f"bind: {host} is no address of this machine ({error}). Say tcp://0.0.0.0:{port} for all it has."
    )


def _secured(socket: Any, pair: keys.KeyPair) -> Any:
    socket.curve_server = True
    socket.curve_secretkey = pair.secret.encode("ascii")
    socket.curve_publickey = pair.public.encode("ascii")
    socket.setsockopt(zmq.ZAP_DOMAIN, _ZAP_DOMAIN.encode("ascii"))
    socket.setsockopt(zmq.LINGER, 300)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _PEER_TIMEOUT_MS)
    return socket
