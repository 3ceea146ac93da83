"""Point `fal_client` at the gateway on this machine: `from bridge.gateway.fal import use_gateway; use_gateway()`.

Everything follows, uploads too, so that no audio leaves the machine: synchronous, asynchronous and module-level
clients, also those made before. Tried with fal-client 1.0.
"""

from __future__ import annotations

import os
from pathlib import Path

from bridge.protocol.errors import DaemonNotRunning


def use_gateway(url: str = "", key: str = "", home: Path | None = None) -> str:
    """Send fal_client's calls to `url`, the running gateway by default; gives the address.

    Sets FAL_KEY of this process, where that client looks for its key. Raises DaemonNotRunning, ModuleNotFoundError.
    """
    import fal_client.client as client

    if not url:
        url, key = _running(home)
    base = url.rstrip("/")
    client.RUN_URL_FORMAT, client.QUEUE_URL_FORMAT = f"{base}/run/", f"{base}/queue/"
    client.REST_URL, client.CDN_URL = f"{base}/rest", f"{base}/cdn"
    if key:
        os.environ["FAL_KEY"] = key
    return base


def _running(home: Path | None) -> tuple[str, str]:
    from bridge.gateway.gateway_settings import GatewaySettings
    from bridge.gateway.serving import read_running
    from bridge.protocol.home import home_folder

    running = read_running(GatewaySettings(home=home or home_folder()))
    if running is None:
        raise DaemonNotRunning("no gateway runs", "acestep-bridge gateway")
    return running.url, running.key
