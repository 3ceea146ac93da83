"""One port for UDP and TCP: how it is opened, who may speak, how peers are called. Knows no packet."""

from __future__ import annotations

import contextlib
import errno
import socket
from ipaddress import ip_address
from typing import Any

from bridge.osc.transport.surface import Peer
from bridge.protocol.errors import BridgeError

RECEIVE_BUFFER = 4 << 20
PORT_TRIES = 10  # a port that is free for UDP may be taken for TCP
ANY_V6 = "::"


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


def bound_sockets(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port; port 0 takes one that is free for both. Raises CannotListen."""
    for attempt in range(1 if port else PORT_TRIES):
        try:
            udp = _datagram_socket(host, port)
        except OSError as error:
            raise CannotListen(host, port, "UDP", error) from error
        number = int(udp.getsockname()[1])
        try:
            return udp, _stream_socket(udp, host, number)
        except OSError as error:
            udp.close()
            if port or attempt == PORT_TRIES - 1:
                raise CannotListen(host, number, "TCP", error) from error
    raise AssertionError("unreachable")


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


def peer_of(address: tuple[Any, ...]) -> Peer:
    """Host and port; IPv4 as it is written, also where a socket of IPv6 heard it (::ffff:192.168.1.20)."""
    host = str(address[0])
    return host.removeprefix("::ffff:") if "." in host else host, int(address[1])


def is_allowed(host: str, allowed: frozenset[str]) -> bool:
    """Whether a peer may speak: this machine always, others by address. A text that is no address never."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or str(address) in allowed or str(address).partition("%")[0] in allowed
