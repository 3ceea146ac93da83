"""What `doctor` says of a Ray cluster on this machine: who can reach its ports, and what it says of its nodes.

Whoever reaches Ray's ports runs code as its user (Ray's own security page); acestep-bridge cannot close them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from bridge.installing.point import Point

PROGRAMS = ("raylet", "gcs_server", "ray::", "dashboard", "ray")
TOKENS = "RAY_AUTH_MODE"
SHOWN = 6


@dataclass(frozen=True)
class Listening:
    """A port that one of Ray's processes listens on, and at which address."""

    program: str
    address: str
    port: int

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach it, as far as the address says."""
        try:
            at = ip_address(self.address)
            return not (getattr(at, "ipv4_mapped", None) or at).is_loopback
        except ValueError:
            return True


def cluster_checks(listening: Callable[[], Iterable[Listening]] | None = None) -> list[Point]:
    """One point where a Ray process runs here; none where none does."""
    ports = sorted((listening or ray_ports)(), key=lambda port: port.port)
    if not ports:
        return []
    reachable = [port for port in ports if port.is_open]
    if not reachable:
        return [Point("Ray", True, f"{len(ports)} ports, on loopback only", optional=True)]
    tokens = os.environ.get(TOKENS, "").lower() == "token"
    named = ", ".join(f"{port.port} ({port.program})" for port in reachable[:SHOWN])
    more = f" and {len(reachable) - SHOWN} more" if len(reachable) > SHOWN else ""
    text = f"listens to other machines on {named}{more}; tokens are {'on' if tokens else 'off'} in this environment"
    remedy = (
        "Whoever reaches these ports can run code as you. Close them to everything but the nodes with a firewall "
        "(`ray start` listens on every address, also with --node-ip-address 127.0.0.1; without --address `serve "
        f"--executor ray` has a cluster on loopback); where your Ray has tokens set {TOKENS}=token. See docs/scale.md."
    )
    return [Point("Ray", False, text, remedy, optional=True)]


def ray_ports() -> list[Listening]:
    """Ports of Ray's processes of this user."""
    import psutil

    ports = []
    for process in psutil.process_iter(["name"]):
        name = str(process.info["name"] or "")
        if not name.startswith(PROGRAMS):
            continue
        try:
            sockets = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        ports += [Listening(name, s.laddr.ip, s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN]
    return ports
