"""A daemon for a command: the one that runs, or one started for the call; and a job followed to its end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bridge.cli.terminal.output import note
from bridge.cli.terminal.progress import JobDisplay
from bridge.cli.terminal.step_words import why_fewer_steps
from bridge.client import Client, JobHandle, JobResult, daemon_for_call
from bridge.model_words import model_words
from bridge.protocol.errors import BridgeError, DaemonNotRunning
from bridge.protocol.messages import HelloReply, JobStatus
from bridge.system.own_code import why_another
from engine.requests import Request

OnStatus = Callable[[JobStatus], None]
CANCEL_SECONDS = 10.0


@contextlib.contextmanager
def daemon_session(home: Path | None = None, options: Sequence[str] = ()) -> Iterator[Client]:
    """A client; a daemon that had to be started for it is stopped at the end. Raises DaemonNotRunning."""
    with interruptible(), daemon_for_call(home, options) as client:
        yield client


@contextlib.contextmanager
def existing_daemon(home: Path | None = None) -> Iterator[Client]:
    """A client of the daemon that runs. Raises DaemonNotRunning with the command that starts one."""
    with Client.connect(home) as client:
        yield client


def running_daemon() -> HelloReply | None:
    """Who answers, or None where no daemon runs. Raises other errors of the wire."""
    try:
        with existing_daemon() as client:
            return client.hello()
    except DaemonNotRunning:
        return None


def note_another_daemon() -> None:
    """Say what to do where the daemon that runs is of another software than this one, as before an update."""
    with contextlib.suppress(BridgeError):
        hello = running_daemon()
        if hello is not None and (why := why_another(hello.updated, hello.software)):
            note(why)


def finish_job(client: Client, request: Request | Mapping[str, Any], title: str) -> JobResult:
    """Submit, show progress, give the result. Ctrl-C cancels the job and is raised again."""
    job = client.submit(request)
    model = job.submitted.model
    note(f"{title}: job {job.job_id}, {model_words(model)}")
    with JobDisplay(title, why_fewer=partial(why_fewer_steps, request, model.name)) as display:
        follow(job, display.show)
    return job.result()


def follow(job: JobHandle, on_status: OnStatus) -> None:
    """Call `on_status` at each change until the job is finished. An interrupt cancels the job first."""
    try:
        for status in job.progress():
            on_status(status)
    except KeyboardInterrupt:
        with contextlib.suppress(BridgeError, TimeoutError, KeyboardInterrupt):
            job.cancel()
            job.wait(CANCEL_SECONDS)
        raise


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal end the command as Ctrl-C does: its job is cancelled, its daemon stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
