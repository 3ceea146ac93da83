"""Tasks, cancelling and takes: in REAPER through our actions, else on the source file. Knows no socket."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.file_names import original_stem
from bridge.osc.addresses import ROOT
from bridge.osc.daemon import Daemon, Made
from bridge.osc.jobs import OwnJob
from bridge.osc.reaper import ACTIONS, LYRICS_ACTION, ReaperPeer
from bridge.osc.settings import copy_into
from bridge.osc.state import FOLDER, REAPER, SOURCE
from bridge.osc.takes import Takes
from bridge.osc.values import OscError
from bridge.protocol.errors import BridgeError
from bridge.protocol.messages import JobStatus
from engine.errors import InvalidRequest
from engine.requests import TASKS, from_dict

if TYPE_CHECKING:
    from bridge.osc.controller import Controller

_TASKS = {task.replace("-", "_"): task for task in TASKS}


class Renders:
    """The commands that make, choose and stop. Every method that refuses raises OscError."""

    def __init__(self, controller: Controller, daemon: Daemon) -> None:
        self._controller, self._daemon = controller, daemon
        self.takes = Takes()
        self.last: tuple[str, tuple[Any, ...]] = ("inpaint", ())  # the last task and its arguments
        self._made: set[str] = set()

    def made(self, path: str) -> bool:
        """Whether this is a result of ours, which may be a source wherever it lies."""
        return path in self._made

    def command(self, name: str, values: tuple[Any, ...]) -> None:
        """Do a command, or hand it to the worker."""
        if name in _TASKS or name.startswith("outpaint/"):
            self.last = name, values
        if self._controller.controls.values.get(REAPER) and self._controller.reaper is not None:
            self._act(name, self._controller.reaper)
        elif name in _TASKS:
            self._render(name, _TASKS[name], {})
        elif name.startswith("outpaint/"):
            sides = {f"extend_{side}_duration": 0.0 for side in ("before", "after")}
            self._render(name, "outpaint", sides | {f"extend_{name.split('/')[1]}_duration": values[0]})
        elif name.startswith("cancel"):
            self._give(name, partial(self._cancel, every=name == "cancel/all"))
        else:
            self._take(name.removeprefix("take/"))

    def follow_source(self) -> None:
        """The source control changed: another source has no takes yet."""
        source = self._controller.controls.values.get(SOURCE, "")
        if source != self.takes.original:
            self.takes.start(source)
            self.show_take(tell_path=False)

    def repeat(self) -> None:
        """The last task once more."""
        try:
            self.command(*self.last)
        except OscError as error:
            self._controller.error(error.address, error.got, error.expected)

    async def finished(self, status: JobStatus, job: OwnJob | None) -> None:
        """A job ended: results of ours become takes and are told; the seed is told of REAPER's, too."""
        if job is None:
            await self._learn_seed(status)
            return
        if status.state == "failed":
            error = status.error
            got = error.message if error else "a failure without a reason"
            self._controller.error(job.path, got, (error and error.remedy) or "another try")
        if status.state != "completed":
            return
        try:
            made = await self._daemon.results(status.job_id)
            kept = [await asyncio.to_thread(self._keep, Path(one.path), status, job) for one in made]
        except (BridgeError, OSError) as error:
            self._controller.error(job.path, str(error), "a result that can be read and copied")
            return
        self._tell_seed(made)
        for path in kept:
            self._made.add(path)
            if job.source in ("", self.takes.original):
                self.takes.add(path)
            self._controller.feedback.everyone(f"{ROOT}/result", path)
        self.show_take(tell_path=False)

    async def _learn_seed(self, status: JobStatus) -> None:
        if status.state == "completed" and self._controller.controls.values.get(REAPER):
            with contextlib.suppress(BridgeError):
                self._tell_seed(await self._daemon.results(status.job_id))

    def _tell_seed(self, made: list[Made]) -> None:
        if made:
            self._controller.controls.last_seed = made[0].seed
            self._controller.feedback.put(f"{ROOT}/result/seed", made[0].seed)
            self._controller.feedback.put_changed(f"{ROOT}/seed/words", self._controller.controls.seed_words())

    # -- on the source -----------------------------------------------------------------------------------------------

    def _render(self, name: str, task: str, more: dict[str, Any]) -> None:
        controls, path = self._controller.controls, f"{ROOT}/{name}"
        request = controls.request(task, more)
        try:
            from_dict(request)
        except InvalidRequest as error:
            where = f"{ROOT}/{error.field}" if error.field in controls.table else path
            raise OscError(where, error.got, error.expected) from error
        source = str(request.get("audio", ""))
        job = OwnJob(path, source, controls.values.get(FOLDER, ""))
        self._give(name, partial(self._submit, request, job))

    async def _submit(self, request: dict[str, Any], job: OwnJob) -> None:
        status = await self._daemon.submit(request, {"client": "osc"})
        self._controller.watch.own(status, job)

    async def _cancel(self, every: bool) -> None:
        own = self._controller.watch.own_ids()
        for job_id in own if every else own[-1:]:
            await self._daemon.cancel(job_id)
            self._controller.watch.mark(job_id)

    def _keep(self, path: Path, status: JobStatus, job: OwnJob) -> str:
        if not job.folder:
            return str(path)
        stem = original_stem(Path(job.source).stem) if job.source else "acestep"
        return str(copy_into(Path(job.folder), path, f"{stem} {status.task}"))

    # -- takes -------------------------------------------------------------------------------------------------------

    def _take(self, name: str) -> None:
        if name in ("next", "previous"):
            self.takes.step(1 if name == "next" else -1)
        elif name == "original":
            self.takes.compare()
        elif name == "reject":
            if not self.takes.reject():
                raise OscError(f"{ROOT}/take/reject", "the original", "a take; choose one with take/next")
        else:
            self._commit()
        self.show_take()

    def _commit(self) -> None:
        kept = self.takes.commit()
        if not kept:
            raise OscError(f"{ROOT}/take/commit", "the original", "a take; choose one with take/next")
        self._controller.changed(self._controller.controls.change(SOURCE, kept))

    def show_take(self, tell_path: bool = True) -> None:
        """Tell every surface which take counts; its path, too, where that is news."""
        feedback = self._controller.feedback
        feedback.put(f"{ROOT}/take", self.takes.present, len(self.takes.paths))
        feedback.put(f"{ROOT}/take/words", self.takes.words)
        if tell_path and self.takes.path:
            feedback.everyone(f"{ROOT}/result", self.takes.path)

    # -- in REAPER ---------------------------------------------------------------------------------------------------

    def _act(self, name: str, reaper: ReaperPeer) -> None:
        lyrics = name == "audio_to_audio" and self._controller.controls.values.get("edit_mode") == "lyrics"
        action = LYRICS_ACTION if lyrics else ACTIONS[name]
        action_id = self._controller.shared.actions.get(action)
        if action_id is None:
            expected = "our scripts set up: run 'ACE-Step: Setup' from REAPER's action list once"
            raise OscError(f"{ROOT}/{name}", f"no id for the action '{action}'", expected)
        self._give(name, partial(self._run_action, reaper, action_id))

    async def _run_action(self, reaper: ReaperPeer, action_id: str) -> None:
        await self._controller.shared.flushed()
        reaper.act(action_id)

    def _give(self, name: str, job: Any) -> None:
        if not self._controller.worker.give(f"{ROOT}/{name}", job):
            raise OscError(f"{ROOT}/{name}", "more commands than can wait", "fewer at once, or a daemon that answers")
