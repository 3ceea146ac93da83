"""What finished jobs made: copied where a surface wants it, told, taken as takes; and the seed of it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from bridge.file_names import original_stem
from bridge.osc.address_space.addresses import ROOT
from bridge.osc.controls.state import REAPER, Controls
from bridge.osc.daemon.daemon import Daemon, Made
from bridge.osc.daemon.jobs import OwnJob
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.settings import copy_into
from bridge.osc.takes.take_commands import TakeCommands
from bridge.protocol.errors import BridgeError
from bridge.protocol.messages import JobStatus


class FinishedJobs:
    """`finished` is called for every job that ended."""

    def __init__(self, daemon: Daemon, controls: Controls, takes: TakeCommands, feedback: Feedback) -> None:
        self._daemon, self._controls, self._takes, self._feedback = daemon, controls, takes, feedback
        self._paths: set[str] = set()

    def has(self, path: str) -> bool:
        """Whether this is a result of ours, which may be a source wherever it lies."""
        return path in self._paths

    async def finished(self, status: JobStatus, job: OwnJob | None) -> None:
        """Results of ours become takes and are told; the seed is told of REAPER's, too."""
        if job is None:
            await self._learn_seed(status)
        elif status.state == "failed":
            error = status.error
            got = error.message if error else "a failure without a reason"
            self._feedback.error(job.path, got, (error and error.remedy) or "another try")
        elif status.state == "completed":
            await self._keep_all(status, job)

    async def _keep_all(self, status: JobStatus, job: OwnJob) -> None:
        try:
            results = await self._daemon.results(status.job_id)
            kept = [await asyncio.to_thread(_keep, Path(one.path), status, job) for one in results]
        except (BridgeError, OSError) as error:
            self._feedback.error(job.path, str(error), "a result that can be read and copied")
            return
        self._tell_seed(results)
        self._paths.update(kept)
        self._takes.add(kept, job.source)

    async def _learn_seed(self, status: JobStatus) -> None:
        if status.state == "completed" and self._controls.values.get(REAPER):
            with contextlib.suppress(BridgeError):
                self._tell_seed(await self._daemon.results(status.job_id))

    def _tell_seed(self, results: list[Made]) -> None:
        if results:
            self._controls.last_seed = results[0].seed
            self._feedback.put(f"{ROOT}/result/seed", results[0].seed)
            self._feedback.put_changed(f"{ROOT}/seed/words", self._controls.seed_words())


def _keep(path: Path, status: JobStatus, job: OwnJob) -> str:
    """Where the result lies from now on; copied, if the job was to have it in a folder. Raises OSError."""
    if not job.folder:
        return str(path)
    stem = original_stem(Path(job.source).stem) if job.source else "acestep"
    return str(copy_into(Path(job.folder), path, f"{stem} {status.task}"))
