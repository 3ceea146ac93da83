"""UDP and TCP sockets that speak OSC. Knows packets and who may speak; knows no address space.

TCP takes both framings: a 4-byte size before each packet (OSC 1.0) and SLIP (OSC 1.1), told apart by the first byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.osc.packets import Message, PacketError, decode
from bridge.osc.surfaces import Peer, is_allowed

MAX_PACKET = 1 << 20
SLIP_END, SLIP_ESC = 0xC0, 0xDB
SLIP_ESCAPED = {0xDC: SLIP_END, 0xDD: SLIP_ESC}

OnMessages = Callable[[Peer, list[Message]], None]
OnBroken = Callable[[Peer, str], None]


class OscSockets:
    """One UDP and one TCP socket on the same port. Everything is called from the running loop."""

    def __init__(self, on_messages: OnMessages, on_broken: OnBroken, allowed: frozenset[str] = frozenset()) -> None:
        self._on_messages, self._on_broken, self._allowed = on_messages, on_broken, allowed
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._streams: dict[Peer, tuple[asyncio.StreamWriter, bool]] = {}
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Listen. Port 0 takes a free one. Raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, port))
        self.port = int(self._udp.get_extra_info("sockname")[1])
        self._tcp = await asyncio.start_server(self._serve_stream, host, self.port)

    async def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for writer, _ in list(self._streams.values()):
            writer.close()
        await asyncio.sleep(0)

    def send(self, peer: Peer, packet: bytes) -> None:
        """To a peer, over the stream that it opened or by UDP. What cannot be sent is dropped."""
        if peer in self._streams:
            writer, slip = self._streams[peer]
            writer.write(to_slip(packet) if slip else len(packet).to_bytes(4, "big") + packet)
        elif self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(packet, peer)

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
        peer: Peer = writer.get_extra_info("peername")[:2]
        try:
            first = await reader.readexactly(1)
            slip = first[0] == SLIP_END
            self._streams[peer] = (writer, slip)
            await (self._read_slip(peer, reader) if slip else self._read_sized(peer, reader, first))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the peer went away: nothing is owed to it
        finally:
            self._streams.pop(peer, None)
            writer.close()

    async def _read_sized(self, peer: Peer, reader: asyncio.StreamReader, first: bytes) -> None:
        head = first + await reader.readexactly(3)
        while 0 < (size := int.from_bytes(head, "big")) <= MAX_PACKET:
            self.take(peer, await reader.readexactly(size))
            head = await reader.readexactly(4)
        self._on_broken(peer, f"a packet of {size} bytes, at most {MAX_PACKET} are taken")

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


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, sockets: OscSockets) -> None:
        self._sockets = sockets

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._sockets.take((addr[0], addr[1]), data)

    def error_received(self, exc: Exception) -> None:
        """A surface went away (ICMP port unreachable): it expires by itself."""
