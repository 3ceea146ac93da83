"""UDP and TCP sockets that speak OSC. Knows packets and who may speak; knows no address space.

TCP takes both framings: a 4-byte size before each packet (OSC 1.0) and SLIP (OSC 1.1), told apart by the first byte;
and HTTP, whose "GET " would be a size of more than a gigabyte (OSCQuery wants it on the same port).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from bridge.osc.packets import Message, PacketError, decode
from bridge.osc.surfaces import Peer, is_allowed
from bridge.protocol.errors import BridgeError

MAX_PACKET = 1 << 20
MAX_DATAGRAM = 65_535
MAX_UNREAD = 4 << 20  # bytes on their way to a peer over TCP
MAX_WAITING = 65_536  # datagrams not yet decoded; more are lost, as UDP may
MAX_DRAIN = 1024
DECODE_AT_ONCE = 16
RECEIVE_BUFFER = 4 << 20
MAX_STREAM = 64 << 10
PORT_TRIES = 10  # a port that is free for UDP may be taken for TCP
ANY_V6 = "::"
SLIP_END, SLIP_ESC = 0xC0, 0xDB
SLIP_ESCAPED = {0xDC: SLIP_END, 0xDD: SLIP_ESC}

OnMessages = Callable[[Peer, list[Message]], None]
OnBroken = Callable[[Peer, str], None]
OnGone = Callable[[Peer], None]
OnHttp = Callable[[bytes], tuple[int, bytes]]  # the head of a request: status and JSON
HTTP_GET, HTTP_SECONDS = b"GET ", 5.0


class CannotListen(BridgeError):
    """The address cannot be listened on: a port that another program has, an address of another machine."""

    def __init__(self, host: str, port: int, kind: str, error: OSError) -> None:
        where = f"{kind} port {port} of {host}"
        if error.errno == errno.EADDRINUSE:
            text = f"{where} is taken by another program, perhaps another `acestep-bridge osc`. End it, or choose "
            super().__init__(f"{text}another port, such as --port {port + 10 if port < 65_000 else 9725}.")
        elif error.errno in (errno.EACCES, errno.EPERM):
            super().__init__(f"{where} is not for ordinary users. Choose one above 1023, such as --port 9725.")
        else:
            reason = error.strerror or str(error)
            text = f"--listen: {host} is no address of this machine ({reason}). Say 0.0.0.0 for all of IPv4, "
            super().__init__(f"{text}:: for all, or 127.0.0.1 for this machine alone.")


class OscSockets:
    """One UDP and one TCP socket on the same port. Everything is called from the running loop, a selector loop.

    Datagrams are taken from the system as fast as they come, before any is decoded: its buffer holds a few hundred.
    """

    def __init__(
        self, on_messages: OnMessages, on_broken: OnBroken, on_gone: OnGone, allowed: frozenset[str] = frozenset()
    ) -> None:
        self._on_messages, self._on_broken, self._on_gone, self._allowed = on_messages, on_broken, on_gone, allowed
        self.on_http: OnHttp = lambda head: (404, b"{}")
        self._udp: socket.socket | None = None
        self._tcp: asyncio.Server | None = None
        self._streams: dict[Peer, tuple[asyncio.StreamWriter, bool]] = {}
        self._waiting: deque[tuple[Peer, bytes]] = deque()
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Listen. Port 0 takes one that is free for both. Raises CannotListen, saying what is taken."""
        for attempt in range(1 if port else PORT_TRIES):
            try:
                await self._open(host, port)
                return
            except OSError as error:
                if port or attempt == PORT_TRIES - 1:
                    raise CannotListen(host, self.port or port, self._taken_kind, error) from error

    async def _open(self, host: str, port: int) -> None:
        self.port = 0
        udp = _datagram_socket(host, port)
        self.port = int(udp.getsockname()[1])
        try:
            streams = _stream_socket(udp, host, self.port)
            self._tcp = await asyncio.start_server(self._serve_stream, sock=streams, limit=MAX_STREAM)
        except OSError:
            udp.close()
            raise
        self._udp = udp
        asyncio.get_running_loop().add_reader(udp, self._drain)

    @property
    def _taken_kind(self) -> str:
        return "TCP" if self.port else "UDP"  # the port is known as soon as UDP has it

    async def close(self) -> None:
        """Stop listening, close every stream."""
        if self._udp is not None:
            asyncio.get_running_loop().remove_reader(self._udp)
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
        for writer, _ in list(self._streams.values()):
            writer.close()
        await asyncio.sleep(0)

    def send(self, peer: Peer, packet: bytes) -> None:
        """To a peer, over the stream that it opened or by UDP. What cannot be sent is dropped."""
        if peer in self._streams:
            writer, slip = self._streams[peer]
            if writer.transport.get_write_buffer_size() > MAX_UNREAD:
                writer.close()  # it does not read: it would fill our memory
                return
            writer.write(to_slip(packet) if slip else len(packet).to_bytes(4, "big") + packet)
        elif self._udp is not None:
            host = f"::ffff:{peer[0]}" if self._udp.family == socket.AF_INET6 and ":" not in peer[0] else peer[0]
            with contextlib.suppress(OSError):
                self._udp.sendto(packet, (host, peer[1]))

    def _drain(self) -> None:
        """Take datagrams from the system; they are decoded a few at a time, so that this runs in between."""
        was_idle = not self._waiting
        for _ in range(MAX_DRAIN):
            if self._udp is None:
                return
            try:
                data, address = self._udp.recvfrom(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an earlier datagram of ours found no listener (ICMP): that surface expires by itself
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append((plain(address), data))
        if was_idle and self._waiting:
            asyncio.get_running_loop().call_soon(self._decode_some)

    def _decode_some(self) -> None:
        try:
            for _ in range(min(DECODE_AT_ONCE, len(self._waiting))):
                self.take(*self._waiting.popleft())
        finally:
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._decode_some)

    def take(self, sender: Peer, data: bytes) -> None:
        """One packet from a peer: messages go on, broken ones are answered, strangers are not heard."""
        if not is_allowed(sender[0], self._allowed):
            return
        try:
            messages = decode(data)
        except PacketError as error:
            self._on_broken(sender, str(error))
            return
        self._on_messages(sender, messages)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Peer = plain(writer.get_extra_info("peername"))
        if not is_allowed(peer[0], self._allowed):
            writer.close()
            return
        try:
            first = await reader.readexactly(1)
            slip = first[0] == SLIP_END
            self._streams[peer] = (writer, slip)
            await (self._read_slip(peer, reader) if slip else self._read_sized(peer, reader, first))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the peer went away: nothing is owed to it
        finally:
            self._streams.pop(peer, None)
            self._on_gone(peer)
            writer.close()

    async def _read_sized(self, peer: Peer, reader: asyncio.StreamReader, first: bytes) -> None:
        head = first + await reader.readexactly(3)
        if head == HTTP_GET:
            await self._answer_http(reader, self._streams.pop(peer)[0])
            return
        while 0 < (size := int.from_bytes(head, "big")) <= MAX_PACKET:
            self.take(peer, await reader.readexactly(size))
            head = await reader.readexactly(4)
        self._on_broken(peer, f"a packet of {size} bytes, at most {MAX_PACKET} are taken")

    async def _answer_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HTTP_SECONDS):
                head = HTTP_GET + await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.LimitOverrunError):
            return
        status, body = self.on_http(head)
        kind = "Content-Type: application/json; charset=utf-8\r\n" if body else ""
        words = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{kind}Content-Length: {len(body)}\r\nConnection: close"
        )
        writer.write(f"{words}\r\n\r\n".encode() + body)
        await writer.drain()

    async def _read_slip(self, peer: Peer, reader: asyncio.StreamReader) -> None:
        packet = bytearray()
        while len(packet) <= MAX_PACKET:
            byte = (await reader.readexactly(1))[0]
            if byte == SLIP_END:
                if packet:
                    self.take(peer, bytes(packet))
                packet.clear()
            elif byte == SLIP_ESC:
                escaped = (await reader.readexactly(1))[0]
                packet.append(SLIP_ESCAPED.get(escaped, escaped))
            else:
                packet.append(byte)
        self._on_broken(peer, f"a packet of more than {MAX_PACKET} bytes")


def to_slip(packet: bytes) -> bytes:
    """A packet between two END bytes, END and ESC inside it escaped (RFC 1055)."""
    escaped = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + escaped + b"\xc0"


def plain(address: tuple[Any, ...]) -> Peer:
    """Host and port; IPv4 as it is written, also where a socket of IPv6 heard it (::ffff:192.168.1.20)."""
    host = str(address[0])
    return host.removeprefix("::ffff:") if "." in host else host, int(address[1])


def _stream_socket(udp: socket.socket, host: str, port: int) -> socket.socket:
    """TCP at the same address; at :: for IPv4 too, as UDP is."""
    address = udp.getsockname()
    both = host == ANY_V6 and socket.has_dualstack_ipv6()
    return socket.create_server((address[0], port), family=udp.family, dualstack_ipv6=both)


def _datagram_socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    udp = socket.socket(family, kind, protocol)
    try:
        udp.setblocking(False)
        with contextlib.suppress(OSError):
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if host == ANY_V6:
            udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        udp.bind(address)
    except OSError:
        udp.close()
        raise
    return udp
