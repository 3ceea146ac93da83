"""What a gateway is told at its start, and where its files lie. Knows nothing else."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 9730
RETRY_SECONDS = (10, 20, 40, 80, 160, 320, 640, 1280, 1800, 2400)  # ten retries within two hours


@dataclass(frozen=True)
class GatewaySettings:
    """`origins` are web pages that may call, `names` what else this machine is called, `webhook_hosts` who may be
    called back besides this machine, `roots` the folders whose files may be named.

    Sizes in bytes: of one JSON input (audio may stand in it in base64), of one upload, and of all that is kept.
    `join_seconds` is how long a dropped call waits for its repeat before its job is cancelled.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    tls: bool = False
    origins: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    webhook_hosts: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    max_input_bytes: int = 100 << 20
    max_upload_bytes: int = 1 << 30
    quota_bytes: int = 20 << 30
    join_seconds: float = 15.0
    retry_seconds: tuple[float, ...] = RETRY_SECONDS

    @property
    def folder(self) -> Path:
        """The gateway's own folder."""
        return self.home / "gateway"

    @property
    def running_path(self) -> Path:
        """Where a gateway that listens says so."""
        return self.folder / "running.json"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
