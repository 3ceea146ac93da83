"""The controller announced on the local network (mDNS), so that surfaces find it by themselves. Optional: zeroconf.

Knows addresses of this machine and a port, nothing of what is said there.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address

from bridge.osc.transport.oscquery import NAME
from bridge.protocol.errors import BridgeError
from engine.extras import how_to_install

SERVICES = ("_oscjson._tcp.local.", "_osc._udp.local.")


class CannotAnnounce(BridgeError):
    """The announcement cannot be made; says what to install."""


def check_zeroconf() -> None:
    """Raises CannotAnnounce where zeroconf is not installed."""
    try:
        import zeroconf  # noqa: F401
    except ImportError as error:
        words = f"--announce needs another package ({error.name}): {how_to_install('discovery')}"
        raise CannotAnnounce(words) from error


@contextlib.asynccontextmanager
async def announced(addresses: Sequence[str], port: int) -> AsyncIterator[None]:
    """Announced while inside. Two controllers in one network get two names."""
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    zeroconf = AsyncZeroconf(interfaces=list(addresses))
    packed = [ip_address(address).packed for address in addresses]
    try:
        for service in SERVICES:
            name = f"{NAME} {socket.gethostname()}.{service}"
            info = AsyncServiceInfo(service, name, port=port, addresses=packed, properties={"txtvers": "1"})
            await zeroconf.async_register_service(info, allow_name_change=True)
        yield
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()
