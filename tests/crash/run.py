"""One seeded run: a home, a daemon that is ended again and again, clients that ask; then a daemon left in peace."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bridge.client import Client, Timeouts
from bridge.client.start import daemon_environment
from bridge.protocol.errors import BridgeError
from bridge.protocol.messages import FINISHED
from tests.crash.asking import Asking, read_notes
from tests.crash.ending import faults
from tests.crash.found import make_old_store
from tests.crash.plan import DAEMON, ENGINE, Life, Plan
from tests.support.daemons import MODEL, strays
from tests.support.disk import End, on_disk
from tests.support.renderers import SINES

LIMIT_SECONDS = 120.0
_LOOK_SECONDS = 0.02
_LEFT_SECONDS = 2 * 3600.0


@dataclass
class Outcome:
    """What came of a run."""

    seed: int
    kind: str
    kills: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Run:
    """A plan carried out in a folder."""

    def __init__(self, plan: Plan, folder: Path, references: dict[int, str] | None = None) -> None:
        self.plan, self.folder, self.references = plan, folder, references or {}
        self.home, self.full, self.notes = folder / "home", folder / "full", folder / "notes"
        self.outcome = Outcome(plan.seed, plan.kind)
        self.known: dict[str, str] = {}  # ids of acknowledged jobs, by name
        self.asking = Asking(self.home, plan, self.notes)
        self._begun = time.monotonic()
        self._over = threading.Event()

    def run(self) -> Outcome:
        """Do it, and look at what is left. Leaves no process."""
        self.home.mkdir(mode=0o700)
        try:
            self._carry_out()
        except Exception as error:
            self.outcome.faults.append(f"{type(error).__name__}: {error}")
        finally:
            self.asking.stop.set()
            self._kill_all()
        self.outcome.faults += self.asking.faults + faults(self.home, self.plan, self.known, self.references)
        self.outcome.seconds = time.monotonic() - self._begun
        return self.outcome

    def _carry_out(self) -> None:
        """Everything that happens, until the last daemon has ended."""
        if self.plan.layout:
            self.known |= make_old_store(self.home / "jobs.sqlite3", self.plan)
        threads = [threading.Thread(target=self._ask), threading.Thread(target=self._fill)]
        for thread in threads:
            thread.start()
        try:
            for life in self.plan.lives:
                self._live(life)
            self._make_old()
            self._end_in_peace(threads[0])
        finally:
            self.asking.stop.set()
            self._over.set()
            for thread in threads:
                thread.join()
            self.known |= read_notes(self.notes)
            self.outcome.acknowledged = len(self.known)

    def _ask(self) -> None:
        """In this process; where the plan ends the client, in one of its own first, and then again in this one."""
        try:
            if self.plan.client_end is not None:
                words = [sys.executable, "-m", "tests.crash.asking", str(self.home), str(self.plan.seed)]
                environment = {**daemon_environment(self.home), **on_disk(self.home, self.plan.client_end)}
                log = open(self.folder / "client.log", "wb")  # noqa: SIM115
                with log, subprocess.Popen([*words, str(self.notes)], stderr=log, env=environment) as process:
                    while process.poll() is None and not self.asking.stop.is_set():
                        time.sleep(_LOOK_SECONDS)
                    process.kill()
                self.outcome.kills += process.returncode == -signal.SIGKILL
            self.asking.run()
        except Exception as error:
            self.outcome.faults.append(f"client: {type(error).__name__}: {error}")

    def _fill(self) -> None:
        """The disk is full for a while, and again; not at the end."""
        for begin, end in self.plan.full:
            self._over.wait(max(0.0, self._begun + begin - time.monotonic()))
            if not self._over.is_set():
                self.full.touch()
            self._over.wait(max(0.0, self._begun + end - time.monotonic()))
            self.full.unlink(missing_ok=True)

    def _start(self, end: End | None) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", DAEMON, "--home", str(self.home), "--model", str(MODEL)]
        words += [] if self.plan.is_real else ["--renderer", SINES]
        environment = {**daemon_environment(self.home), **on_disk(self.home, end, self.full)}
        with open(self.home / "daemon.log", "ab") as log:
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def _live(self, life: Life) -> None:
        """A daemon until it is ended."""
        process = self._start(life.end)
        limit = time.monotonic() + life.seconds
        while process.poll() is None and time.monotonic() < limit:
            time.sleep(_LOOK_SECONDS)
        if process.poll() is None and life.target == ENGINE:
            self._end_engine(process, life.signal)
            time.sleep(0.3)
        elif process.poll() is None and life.signal == signal.SIGSTOP:
            self._stop_and_go(process)
        elif process.poll() is None:
            process.send_signal(life.signal)
            self.outcome.kills += 1
            if life.signal == signal.SIGTERM:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10.0)
                if process.poll() is None:
                    self.outcome.faults.append("did not stop in 10 s")
        else:
            self.outcome.kills += life.end is not None
        process.kill()
        process.wait()
        self._wait_until_gone()

    def _stop_and_go(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        self.outcome.kills += 1

    def _end_engine(self, process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children():
                if any(ENGINE in word for word in child.cmdline()):
                    child.send_signal(number)
                    self.outcome.kills += 1

    def _wait_until_gone(self) -> None:
        """An engine ends with its daemon. Its client in this process goes on; one that has its own is asked for."""
        limit = time.monotonic() + 20.0
        while any(ENGINE in line for line in strays(self.home)):
            if time.monotonic() > limit:
                raise AssertionError(f"no end of {strays(self.home)}")
            time.sleep(_LOOK_SECONDS)

    def _make_old(self) -> None:
        """What was half written counts as left only when it is an hour old. Every writer but the client has ended."""
        then = time.time() - _LEFT_SECONDS
        for path in [*self.home.glob(".*.part"), *(self.home / "audio" / "making").glob("*")]:
            with contextlib.suppress(OSError):
                os.utime(path, (then, then))

    def _end_in_peace(self, asking: threading.Thread) -> None:
        """A daemon that nobody disturbs does what is left."""
        self._over.set()
        process = self._start(None)
        limit = time.monotonic() + LIMIT_SECONDS
        asking.join(LIMIT_SECONDS)
        self._wait_for_jobs(process, limit)
        if self.plan.client_end is not None:  # it may have left something half written in this daemon's life
            process.kill()
            process.wait()
            self._make_old()
            process = self._start(None)
            self._wait_for_jobs(process, limit)
        process.terminate()
        if process.wait(20.0) != 0:
            self.outcome.faults.append(f"ended with {process.returncode}")
        self._wait_until_gone()

    def _wait_for_jobs(self, process: subprocess.Popen[bytes], limit: float) -> None:
        while True:
            with contextlib.suppress(BridgeError), self._client() as client:
                if all(job.state in FINISHED for job in client.jobs(limit=500).jobs):
                    return
            if process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(f"the last daemon ended with {process.poll()}, or its jobs do not end")
            time.sleep(_LOOK_SECONDS)

    def _client_when_ready(self) -> Client:
        limit = time.monotonic() + LIMIT_SECONDS
        while True:
            try:
                return self._client()
            except BridgeError:
                if time.monotonic() > limit:
                    raise
            time.sleep(_LOOK_SECONDS)

    def _client(self) -> Client:
        return Client.connect(self.home, timeouts=Timeouts(connect=5.0, reply=20.0))

    def _kill_all(self) -> None:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("ACESTEP_BRIDGE_HOME") == str(self.home) and process.pid != os.getpid():
                    process.kill()
