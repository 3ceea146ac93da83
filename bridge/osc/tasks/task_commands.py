"""Tasks on the source file, and cancelling them, as surfaces ask for it. Knows no socket."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.commands import Worker
from bridge.osc.controls.state import FOLDER, Controls
from bridge.osc.daemon.daemon import Daemon
from bridge.osc.daemon.jobs import JobWatch, OwnJob, own_job
from bridge.osc.handlers import Handler
from bridge.osc.transport.surface import Peer
from engine.errors import InvalidRequest
from engine.requests import TASKS, from_dict

TASK_PATHS = {f"{ROOT}/{task.replace('-', '_')}": task for task in TASKS}
OUTPAINT_PATHS = {f"{ROOT}/outpaint/{side}": side for side in ("before", "after")}
STARTING = frozenset({*TASK_PATHS, *OUTPAINT_PATHS})


class TaskCommands:
    """Submits what the controls say; `watch` follows it, `worker` does what takes time."""

    def __init__(self, controls: Controls, daemon: Daemon, watch: JobWatch, worker: Worker, controller: int) -> None:
        self._controller = controller
        self._controls, self._daemon, self._watch, self._worker = controls, daemon, watch, worker

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        tasks = {path: Handler(partial(self._start, path, task)) for path, task in TASK_PATHS.items()}
        sides = {path: Handler(partial(self._outpaint, path, side)) for path, side in OUTPAINT_PATHS.items()}
        cancelling = {
            f"{ROOT}/cancel": Handler(partial(self._cancel, f"{ROOT}/cancel", False)),
            f"{ROOT}/cancel/all": Handler(partial(self._cancel, f"{ROOT}/cancel/all", True)),
        }
        return tasks | sides | cancelling

    def _start(self, path: str, task: str, sender: Peer, values: tuple[()]) -> None:
        self._render(path, task, {})

    def _outpaint(self, path: str, side: str, sender: Peer, values: tuple[float]) -> None:
        none = {f"extend_{each}_duration": 0.0 for each in OUTPAINT_PATHS.values()}
        self._render(path, "outpaint", none | {f"extend_{side}_duration": values[0]})

    def _render(self, path: str, task: str, more: dict[str, Any]) -> None:
        request = self._controls.request(task, more)
        try:
            from_dict(request)
        except InvalidRequest as error:
            where = f"{ROOT}/{error.field}" if error.field in self._controls.table else path
            raise OscError(where, error.got, error.expected) from error
        job = OwnJob(path, str(request.get("audio", "")), self._controls.values.get(FOLDER, ""))
        self._worker.give(path, partial(self._submit, request, job, uuid4().hex))

    async def _submit(self, request: dict[str, Any], job: OwnJob, request_id: str) -> None:
        status = await self._daemon.submit(request, job.client_data(self._controller), request_id)
        self._watch.own(status, job)

    def _cancel(self, path: str, every: bool, sender: Peer, values: tuple[()]) -> None:
        self._worker.give(path, partial(self._cancel_jobs, every))

    async def _cancel_jobs(self, every: bool) -> None:
        """Those that the daemon says are queued or run: one may run of which we know only that it was queued."""
        own = self._watch.own_jobs()
        active = [s for s in await self._daemon.active() if s.job_id in own or own_job(s, self._controller)]
        running = [s for s in active if s.state == "running"]
        newest = sorted(active, key=lambda s: s.created)[-1:]
        for status in active if every else (running or newest)[:1]:
            await self._daemon.cancel(status.job_id)
            self._watch.mark(status.job_id)
