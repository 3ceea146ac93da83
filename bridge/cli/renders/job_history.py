"""Jobs as they lie in the store while no daemon runs: read, never changed. Knows no socket."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from bridge.cli.renders.daemon_session import existing_daemon
from bridge.cli.terminal.output import note
from bridge.client import Client, JobResult
from bridge.daemon import views
from bridge.jobs import Job, JobStore
from bridge.protocol.errors import DaemonNotRunning
from bridge.protocol.home import home_folder
from bridge.protocol.messages import JobStatus, ListReply, LogsReply, State

GOES_ON = "Jobs that are queued or were interrupted go on when one is started."


class History:
    """The questions about jobs that need no daemon, answered as a `Client` does."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def jobs(self, state: State | None = None, limit: int = 50) -> ListReply:
        """Jobs, newest first."""
        jobs, total = self._store.list(None, state, limit, 0)
        return ListReply(jobs=[self._view(job) for job in jobs], total=total)

    def status(self, job_id: str) -> JobStatus:
        """A job as it was left. Raises UnknownThing."""
        return self._view(self._job(job_id))

    def logs(self, job_id: str) -> LogsReply:
        """A job's log lines. Raises UnknownThing."""
        lines = self._store.logs(self._job(job_id).job_id, 0)
        return LogsReply(lines=lines, next=lines[-1].number if lines else 0)

    def result(self, job_id: str) -> JobResult:
        """What a completed job made. Raises UnknownThing, NotFinished, JobFailed, JobCancelled."""
        return JobResult(views.result(self._job(job_id), True, None))

    def _job(self, job_id: str) -> Job:
        job = self._store.get(job_id)
        if job is None:
            raise views.unknown_job(job_id)
        return job

    def _view(self, job: Job) -> JobStatus:
        view = views.status(job, self._store.position(job), None)
        return msgspec.structs.replace(view, stage="interrupted") if job.state == "running" else view


@contextlib.contextmanager
def daemon_or_history() -> Iterator[Client | History]:
    """The daemon that runs, else its store, said so. Raises DaemonNotRunning where there has never been one."""
    with contextlib.ExitStack() as stack:
        yield _reader(stack)


def _reader(stack: contextlib.ExitStack) -> Client | History:
    try:
        return stack.enter_context(existing_daemon())
    except DaemonNotRunning as error:
        path = home_folder() / "jobs.sqlite3"
        if not path.is_file():
            raise
        note(f"{error}\n{GOES_ON}")
    store = JobStore.reading(path)
    stack.callback(store.close)
    return History(store)
