"""The client: `with Client.connect() as client: client.submit(engine.Inpaint(...)).result()`. No torch."""

from __future__ import annotations

from bridge.client.aio import AsyncClient, AsyncJob, Event
from bridge.client.results import JobResult
from bridge.client.start import daemon_for_call, ensure_daemon, start_daemon
from bridge.client.sync import Client, JobHandle
from bridge.client.transport import Timeouts

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "Event",
    "JobHandle",
    "JobResult",
    "Timeouts",
    "daemon_for_call",
    "ensure_daemon",
    "start_daemon",
]
