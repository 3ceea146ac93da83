"""Addresses to bind, as people write them. Knows no socket."""

from __future__ import annotations

from urllib.parse import urlsplit

from bridge.protocol.errors import BridgeError


class WrongAddress(BridgeError):
    """An address that the daemon cannot or must not bind."""


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
