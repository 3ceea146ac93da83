"""What other machines call this one. Nothing is sent."""

from __future__ import annotations

import ipaddress
import socket

FAR = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # for documentation (RFC 5737, 3849): nobody's


def addresses_in_network(families: tuple[int, ...] = (socket.AF_INET,)) -> list[str]:
    """This machine's addresses in its networks, the one of the way out first; [] where it is in none.

    The host's name alone does not tell: Debian and Ubuntu let it stand for 127.0.1.1.
    """
    addresses = [address for family in families if (address := _way_out(family))]
    try:
        named = socket.getaddrinfo(socket.gethostname(), 0)
    except (OSError, UnicodeError):
        named = []
    addresses += sorted(str(info[4][0]) for info in named if info[0] in families)
    return [address for address in dict.fromkeys(addresses) if _is_outward(address)]


def _way_out(family: int) -> str:
    """The address that a packet to a far machine would come from."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((FAR[socket.AddressFamily(family)], 9))
            return str(asked.getsockname()[0])
    except OSError:
        return ""


def _is_outward(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return not (address.is_loopback or address.is_unspecified or (address.is_link_local and address.version == 6))


def in_url(address: str) -> str:
    """An address before a colon and a port: one of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
