"""The engine process as the daemon sees it: started, heard, watched, stopped, killed. No torch, no job store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from bridge.daemon.doors.gate import Gate
from bridge.daemon.doors.listener import Listener
from bridge.daemon.doors.zmtp import Broken, Connection, encode_message
from bridge.daemon.engine_output import EngineOutput
from bridge.daemon.settings import Settings
from bridge.daemon.watch import Watch
from bridge.engine_process import wire
from bridge.log_reading import end_of, log_path
from bridge.protocol.errors import BridgeError, ProtocolError
from bridge.protocol.frames import Data
from bridge.protocol.linked import linked_path
from bridge.protocol.messages import EngineState, ModelName

logger = logging.getLogger("bridge.daemon")
GENTLE = {
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait sleep: beside a busy DAW spinning ones are 16x slower
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",  # of 1024: half a megabyte each, new ones for every length
}
_LOOK_SECONDS = 0.1
_STOP_SECONDS = 1.0
_MOST_WAITING_BYTES = 1 << 26
ENGINE = "bridge.engine_process"  # the program: a module that is run
Names = Mapping[str, str]
NOTHING: Names = MappingProxyType({})
OnSaid = Callable[[wire.StepDone | wire.LogText], None]
Outcome = wire.Done | wire.Failed | wire.Stopped


class EngineDied(BridgeError):
    """The engine process ended, or said nothing for too long. `status` is its exit status; `begun`: it is known that
    the job had begun.
    """

    def __init__(self, status: int | None, text: str = "", begun: bool = False) -> None:
        super().__init__(text or f"The engine process ended with status {status}.")
        self.status, self.begun = status, begun
        self.counts = True  # as an attempt of the job


class EngineNotStarted(BridgeError):
    """The engine process does not come up; the message holds the end of its log."""


def renders_elsewhere(settings: Settings) -> bool:
    """Whether another machine renders for this one now."""
    return settings.renderer == wire.DEFAULT_RENDERER and linked_path(settings.home).exists()


class EngineProcess:
    """One engine process. Everything is called on the daemon's loop."""

    def __init__(
        self, settings: Settings, device: str = "", program: str = ENGINE, environment: Names = NOTHING
    ) -> None:
        self._settings = settings
        self._device = device or settings.device
        self._program = program
        self._more_environment = dict(environment)
        self._listener = Listener(b"ROUTER", self._talk)
        self._endpoint = ""
        self._key = ""
        self._connection: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._output: EngineOutput | None = None
        self._inbox: asyncio.Queue[wire.FromEngine] = asyncio.Queue()
        self._watch = Watch(settings.stall_seconds)
        self._jobs: dict[str, asyncio.Queue[wire.FromEngine]] = {}
        self._unwanted: set[str] = set()
        self._starting = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self.starts = 0
        self.state: Literal["stopped", "starting", "loading", "idle", "busy"] = "stopped"
        self.model: ModelName | None = None
        self._ordered_model = ""
        self.on_places: Callable[[wire.Places], None] = lambda places: None
        self.device: str | None = None
        self._problems: list[str] = []

    @property
    def jobs(self) -> frozenset[str]:
        """Ids of the jobs it is at."""
        return frozenset(self._jobs)

    @property
    def loaded_model(self) -> str:
        """Name of the model it has; "" for none."""
        return self._ordered_model if self.pid is not None else ""

    @property
    def device_wanted(self) -> str:
        """The device it was told to use."""
        return self._device

    @property
    def _takes_one_job(self) -> bool:
        return self._program == ENGINE

    @property
    def restarts(self) -> int:
        """Starts after the first."""
        return max(0, self.starts - 1)

    @property
    def pid(self) -> int | None:
        """Of the process, if it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def describe(self) -> EngineState:
        """As it is told to clients."""
        model = self.model.name if self.model and self.pid else None
        state = self.state if self.pid else "stopped"
        return EngineState(
            state=state,
            pid=self.pid,
            model=model,
            device=self.device if model else None,
            restarts=self.restarts,
            problems=self._problems if self.pid else [],
        )

    async def start(self) -> None:
        """Start it unless it runs. Raises EngineNotStarted."""
        async with self._starting:
            if self.pid is None:
                await self._start()

    async def _start(self) -> None:
        self._forget()
        self.starts, self.state = self.starts + 1, "starting"
        try:
            await self._spawn()
        except OSError as error:  # no memory, no more files or processes, no installation any more
            self.kill()
            raise EngineNotStarted(f"The engine process does not start: {error}") from error
        while not isinstance(await self._next(), wire.Ready):
            if self.pid is None or self._watch.silent_seconds() > self._settings.start_seconds:
                self.kill()
                raise EngineNotStarted(f"The engine process does not start: {self._end_of_log()}")
        self.state = "idle"

    async def load(self, model: str) -> None:
        """Load a model outside of a job. A failure is logged; the next job will meet it again."""
        await self.start()
        self.state = "loading"
        self._ordered_model = model
        self._say(wire.Load(model=model))
        while True:
            message = await self._next()
            if isinstance(message, wire.LoadFailed):
                logger.error("model %s: %s", model, message.error.message)
            if isinstance(message, wire.Loaded | wire.LoadFailed):
                break
            self._check_alive()
        self.state = "idle"

    async def render(self, job: wire.RenderJob, on_said: OnSaid) -> Outcome:
        """Render a job; several at once where the process takes several. Raises EngineDied, EngineNotStarted."""
        await self.start()
        process, self.state = self._process, "busy"
        messages = self._jobs[job.job_id] = asyncio.Queue()
        self._ordered_model = job.model
        self._watch.begin()
        self._say(job)
        if job.job_id in self._unwanted:
            self.cancel(job.job_id)
        try:
            return await self._outcome(process, messages, on_said)
        finally:
            del self._jobs[job.job_id]
            self._unwanted.discard(job.job_id)

    async def _outcome(
        self, process: subprocess.Popen[bytes] | None, messages: asyncio.Queue[wire.FromEngine], on_said: OnSaid
    ) -> Outcome:
        while True:
            message = await self._next(messages)
            if isinstance(message, wire.StepDone | wire.LogText):
                self._watch.advanced()
                on_said(message)
            elif isinstance(message, wire.Lost):
                raise EngineDied(None, message.text, begun=message.begun)
            elif isinstance(message, wire.Done | wire.Failed | wire.Stopped):
                self.state = "idle" if len(self._jobs) == 1 else "busy"
                return message
            elif message is None:
                self._check_alive(process)

    def cancel(self, job_id: str) -> None:
        """Ask for the job to stop, as soon as the process that will render it hears."""
        self._unwanted.add(job_id)
        self._say(wire.CancelJob(job_id=job_id))

    def abandon(self, job_id: str) -> None:
        """End what renders a job at once: the process, where it takes one job at a time."""
        if self._takes_one_job:
            self.kill()
        else:
            self._say(wire.AbandonJob(job_id=job_id))

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
        self.state = "stopped"

    async def stop(self) -> None:
        """Ask it to end; kill it if it does not within a second."""
        if self.pid is not None:
            self._say(wire.Stop())
            limit = time.monotonic() + _STOP_SECONDS
            while self.pid is not None and time.monotonic() < limit:
                await asyncio.sleep(0.02)
        self.kill()
        self._forget()

    async def close(self) -> None:
        """Stop it and let go of the socket."""
        await self.stop()
        if self._watcher is not None:
            self._watcher.cancel()
        await self._listener.close()

    async def _spawn(self) -> None:
        if self._watcher is None:
            self._endpoint = await self._listener.open()
            self._watcher = asyncio.get_running_loop().create_task(self._listener.watch())
        self._key = secrets.token_hex(32)
        start = wire.Start(
            endpoint=self._endpoint,
            key=self._key,
            store=str(self._settings.home / "audio"),
            device=self._device,
            renderer=self._renderer(),
            cluster=self._settings.cluster,
            workers=self._settings.workers,
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        log = log_path(self._settings.home, "engine")
        self._output = EngineOutput(log, self._process.stdout, self._process.pid)
        self._process.stdin.write(msgspec.json.encode(start) + b"\n")
        self._process.stdin.flush()

    def _renderer(self) -> str:
        """Of this start: the machine may have been linked to another one, or not any more, since the last."""
        return wire.REMOTE_RENDERER if renders_elsewhere(self._settings) else self._settings.renderer

    def _environment(self) -> dict[str, str]:
        memory = {"ACESTEP_MEMORY": self._settings.memory} if self._settings.memory else {}
        return {**GENTLE, **os.environ, **memory, **self._more_environment, "PYTHONUNBUFFERED": "1"}

    def _check_alive(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """Raises EngineDied if the process has ended, was replaced, says nothing any more, or hangs."""
        if self._process is None or (process is not None and process is not self._process):
            raise EngineDied(None)
        status = self._process.poll()
        if status is None and self._watch.silent_seconds() < self._settings.silence_seconds:
            if not (self.state == "busy" and self._takes_one_job and self._watch.hangs(self._process.pid)):
                return
            logger.error("the engine process hangs: no step for %.0f s and no work", self._watch.stalled_seconds())
        self.kill()
        raise EngineDied(status)

    async def _next(self, messages: asyncio.Queue[wire.FromEngine] | None = None) -> wire.FromEngine | None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):  # `wait_for` swallows a cancellation that comes with the answer
                return await (messages or self._inbox).get()
        except TimeoutError:
            return None
        finally:
            self._watch.looked()

    async def _talk(self, connection: Connection) -> None:
        """Hear the engine process; whoever else has found the port is let go."""
        gate = Gate(self._key)
        while True:
            incoming = await gate.read(connection)
            if incoming is None:
                raise Broken("somebody else")
            incoming.done()
            self._hear(connection, incoming.frames)

    def _hear(self, connection: Connection, frames: list[Data]) -> None:
        try:
            message = wire.heard_by_daemon(self._key, frames)
        except ProtocolError as error:
            logger.warning("the engine process sent what cannot be read: %s", error)
            return
        self._watch.heard()
        if isinstance(message, wire.Ready):
            self._connection = connection
        if isinstance(message, wire.Loaded):
            self.model, self.device = message.model, message.device
        if isinstance(message, wire.Places):
            self._problems = message.problems
            self.on_places(message)
        elif not isinstance(message, wire.Beat):
            job_id = getattr(message, "job_id", None)
            messages = self._inbox if job_id is None else self._jobs.get(job_id)
            if messages is not None:
                messages.put_nowait(message)

    def _say(self, message: wire.Said) -> None:
        if self._connection is not None:
            self._connection.post(encode_message(wire.say(self._key, message)), _MOST_WAITING_BYTES)

    def _forget(self) -> None:
        if self._process is not None:
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
            self._process.wait()
            self._process = None
        if self._output is not None:
            self._output.finish()
        self._inbox, self._connection = asyncio.Queue(), None
        self._watch = Watch(self._settings.stall_seconds)
        self.state, self.model, self._ordered_model = "stopped", None, ""
        self._problems = []

    def _end_of_log(self) -> str:
        if self._output is not None and self.pid is None:
            self._output.finish()
        return end_of(self._settings.home, "engine", 1500) or "its log is empty"
