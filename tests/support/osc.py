"""A surface that speaks OSC over UDP, and a daemon in memory behind the controller's `Daemon` protocol."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path
from typing import ClassVar

from bridge.midi.devices import MidiSurface
from bridge.osc.controller import Controller
from bridge.osc.daemon.daemon import Made
from bridge.osc.settings import OscSettings
from bridge.osc.transport.listening import bound_sockets
from bridge.osc.transport.packets import decode, encode
from bridge.osc.transport.surface import SurfaceCallbacks
from bridge.osc.transport.tcp import TcpSurface
from bridge.osc.transport.udp import UdpSurface
from bridge.protocol.errors import ErrorContent, failure
from bridge.protocol.messages import JobStatus, ModelName
from tests.support.patience import HANG_SECONDS

NANO = ModelName(name="nano")


class MemoryDaemon:
    """Jobs and controls without a process; jobs advance when a test says so."""

    def __init__(self, folder: Path, values=None) -> None:
        self.folder, self.values, self.sequence = folder, dict(values or {}), 1
        self.jobs: dict[str, JobStatus] = {}
        self.requests: list[dict] = []
        self.set_calls: list[dict] = []
        self.set_delay_seconds = 0.0
        self._changes: asyncio.Queue[str] = asyncio.Queue()

    def is_there(self):
        return True

    async def submit(self, request, client_data, request_id):
        self.requests.append(dict(request))
        number = len(self.requests)
        if request.get("tags") == "refuse":
            raise failure(ErrorContent(code="invalid_request", message="no", field="tags", got="refuse", expected="x"))
        status = JobStatus(
            job_id=f"job{number}", task=request["task"], state="queued", public_state="IN_QUEUE", sequence=1,
            queue_position=number, model=NANO, client_data=client_data,
        )  # fmt: skip
        self.jobs[status.job_id] = status
        return status

    async def status(self, job_id):
        return self.jobs[job_id]

    async def active(self):
        return [job for job in self.jobs.values() if not job.is_finished]

    async def cancel(self, job_id):
        self.advance(job_id, state="cancelled")

    async def results(self, job_id):
        path = self.folder / f"{job_id}.wav"
        path.write_bytes(job_id.encode())
        return [Made(str(path), int(job_id.removeprefix("job")) + 1000)]

    async def controls(self):
        return dict(self.values), (0.0, self.sequence)

    async def set_controls(self, values):
        await asyncio.sleep(self.set_delay_seconds)
        self.set_calls.append(dict(values))
        self.change(values)
        return dict(self.values), (0.0, self.sequence)

    async def changes(self):
        while True:
            yield await self._changes.get()

    def change(self, values) -> None:
        """As if another client had set controls."""
        for name, value in values.items():
            self.values.pop(name, None) if value is None else self.values.update({name: value})
        self.sequence += 1
        self._changes.put_nowait("controls")

    def advance(self, job_id: str, **changes) -> None:
        """A job's next state."""
        fields = {name: getattr(self.jobs[job_id], name) for name in JobStatus.__struct_fields__}
        self.jobs[job_id] = JobStatus(**(fields | changes))
        self._changes.put_nowait(job_id)


class Hands:
    """A clock that stands still until a test moves it."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Surface:
    """A UDP socket of its own. `running` closes all that were opened."""

    opened: ClassVar[list[Surface]] = []

    def __init__(self, port: int) -> None:
        self.opened.append(self)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.to = ("127.0.0.1", port)
        self.heard: list[tuple[str, tuple]] = []

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]

    def send(self, path: str, *arguments) -> None:
        self.raw(encode(path, *arguments))

    def raw(self, data: bytes) -> None:
        self.socket.sendto(data, self.to)

    def poll(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard += [(m.path, m.arguments) for m in decode(self.socket.recv(65_535))]

    async def wait(self, path: str, *arguments, seconds: float = HANG_SECONDS) -> tuple:
        """The arguments of the next message to an address, with these first arguments if any are given."""
        limit = time.monotonic() + seconds
        while True:
            self.poll()
            for index, (got, values) in enumerate(self.heard):
                if got == path and values[: len(arguments)] == arguments:
                    del self.heard[: index + 1]
                    return values
            if time.monotonic() > limit:
                raise AssertionError(f"no {path} {arguments} among {self.heard[-20:]}")
            await asyncio.sleep(0.002)

    async def silence(self, path: str, seconds: float) -> None:
        """Nothing comes to an address for a while."""
        await asyncio.sleep(seconds)
        self.poll()
        assert not [message for message in self.heard if message[0] == path]


class OpenSurfaces:
    """UDP and TCP on one port, without a controller."""

    def __init__(self, on_messages=lambda *_: None, on_broken=lambda *_: None, on_gone=lambda *_: None) -> None:
        nothing = lambda *_: ()  # noqa: E731
        self._callbacks = SurfaceCallbacks(on_messages, on_broken, on_gone, nothing, nothing, nothing, nothing)

    async def open(self, host: str, port: int) -> None:
        udp, tcp = bound_sockets(host, port)
        self.port = udp.getsockname()[1]
        self.udp, self.tcp = UdpSurface(udp), TcpSurface(tcp)
        for surface in (self.udp, self.tcp):
            await surface.open(self._callbacks)

    def show(self, peer, path: str, *arguments) -> None:
        next(s for s in (self.tcp, self.udp) if s.serves(peer)).show(peer, path, arguments)

    async def close(self) -> None:
        for surface in (self.udp, self.tcp):
            await surface.close()


@contextlib.asynccontextmanager
async def running(daemon, home: Path, **settings):
    """A controller on a free port, serving."""
    start_daemon, clocks = settings.pop("start_daemon", None), settings.pop("clocks", ())
    now = settings.pop("now", time.monotonic)
    told = OscSettings(home, **{"port": 0, "roots": (home,), **settings})
    midi = MidiSurface(home, told.midi)
    controller = Controller(daemon, told, [midi], start_daemon, [*clocks, midi.clock], now)
    await controller.start()
    task = asyncio.create_task(controller.run())
    await asyncio.sleep(0)  # one that is cancelled before it begins closes nothing
    try:
        yield controller
    finally:
        while Surface.opened:
            Surface.opened.pop().socket.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def play(scenario, home, daemon=None, **settings):
    """Run `scenario(controller, surface, daemon)`."""
    daemon = daemon or MemoryDaemon(home)

    async def main() -> None:
        async with running(daemon, home, **settings) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/sync")
            await surface.wait("/acestep/status", "ready")
            await scenario(controller, surface, daemon)

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


async def until(condition, seconds: float = HANG_SECONDS) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.005)
