"""What the controller needs of the daemon, and the daemon itself behind it. Knows no OSC."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from bridge.client import AsyncClient
from bridge.protocol.errors import ProtocolError
from bridge.protocol.frames import unpack
from bridge.protocol.messages import ControlsReply, JobStatus

CONTROLS_TOPIC = "controls"
Version = tuple[float, int]  # when the daemon was started, and its sequence number of the controls, which starts again
_QUIET_SECONDS = 1.0


@dataclass(frozen=True)
class Made:
    """A file that a job made, and its seed."""

    path: str
    seed: int


class Daemon(Protocol):
    """A daemon, as far as the controller uses it. Every method raises BridgeError."""

    def is_there(self) -> bool:
        """Whether it may answer: False once its process is known to be gone. Asks nobody."""

    async def submit(self, request: Mapping[str, Any], client_data: dict[str, Any], request_id: str) -> JobStatus:
        """Queue a request; once, however often it is sent with the same `request_id`."""

    async def status(self, job_id: str) -> JobStatus:
        """A job as it is now."""

    async def active(self) -> list[JobStatus]:
        """Jobs that are queued or running."""

    async def cancel(self, job_id: str) -> None:
        """Cancel a job."""

    async def results(self, job_id: str) -> list[Made]:
        """What a completed job made, one a variation."""

    async def controls(self) -> tuple[dict[str, Any], Version]:
        """The shared controls, and their version."""

    async def set_controls(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], Version]:
        """Merge values into the controls; None removes. The controls after that, and their version."""

    def changes(self) -> AsyncIterator[str]:
        """`CONTROLS_TOPIC` or a job's id, whenever one changed; "" about once a second while nothing does."""


class ClientDaemon:
    """A daemon through `AsyncClient`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def is_there(self) -> bool:
        target = self._client.transport.target  # without its file nobody looks at the lock, which a new one may take
        return target.file.exists() and target.may_answer()

    async def submit(self, request: Mapping[str, Any], client_data: dict[str, Any], request_id: str) -> JobStatus:
        return (await self._client.submit(request, client_data, request_id)).submitted

    async def status(self, job_id: str) -> JobStatus:
        return await self._client.status(job_id)

    async def active(self) -> list[JobStatus]:
        queued = (await self._client.jobs("queued")).jobs
        return [*(await self._client.jobs("running")).jobs, *queued]

    async def cancel(self, job_id: str) -> None:
        await self._client.cancel(job_id)

    async def results(self, job_id: str) -> list[Made]:
        result = await self._client.result(job_id, "path")
        return [Made(entry.audio.path, entry.seed) for entry in result.chosen if entry.audio.path]

    async def controls(self) -> tuple[dict[str, Any], Version]:
        return self._versioned(await self._client.controls())

    async def set_controls(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], Version]:
        return self._versioned(await self._client.set_controls(values))

    def _versioned(self, reply: ControlsReply) -> tuple[dict[str, Any], Version]:
        return reply.values, (self._client.transport.connection.started, reply.sequence)

    async def changes(self) -> AsyncIterator[str]:
        transport = self._client.transport
        while True:
            connection = transport.connection
            socket = transport.subscribe("")
            try:
                while transport.connection == connection:  # a daemon that was started again publishes elsewhere
                    if not await socket.poll(int(_QUIET_SECONDS * 1000)):
                        yield ""
                        continue
                    frames = await socket.recv_multipart()
                    with contextlib.suppress(ProtocolError, msgspec.MsgspecError, KeyError):
                        content = unpack(connection.key, frames[1:]).content
                        yield CONTROLS_TOPIC if frames[0] == CONTROLS_TOPIC.encode() else str(content["job_id"])
            finally:
                socket.close()
