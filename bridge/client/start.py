"""Starting a daemon, and having one for the length of a call. Knows processes, not operations."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.client.sync import Client
from bridge.client.transport import Timeouts
from bridge.log_reading import end_of
from bridge.protocol import lock
from bridge.protocol.errors import DaemonNotRunning
from bridge.protocol.home import home_folder, make_home, raw_output, supervised_command
from bridge.set_up.foreign import own_environment

_DETACHED = 0x00000008 | 0x00000200  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP


def detached_options(platform: str = sys.platform) -> dict[str, Any]:
    """Arguments of Popen that let a process outlive its parent, its terminal and its window."""
    return {"creationflags": _DETACHED} if platform == "win32" else {"start_new_session": True}


def daemon_environment(home: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a daemon: the caller's without another Python's settings."""
    return {**own_environment(environment), "ACESTEP_BRIDGE_HOME": str(home)}


def start_daemon(home: Path, options: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start a daemon, detached, with a parent that starts it again when it dies.

    Does not wait for it; a thread reaps it if it ends first. It logs to daemon.log.
    """
    process = start_detached([*supervised_command(), *options], home, "daemon")
    threading.Thread(target=process.wait, name="daemon-reaper", daemon=True).start()
    return process


def start_detached(command: Sequence[str], home: Path, name: str) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, in the product's folder; what it writes past its log is in NAME.err."""
    with open(raw_output(make_home(home), name), "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=daemon_environment(home),
            cwd=str(home),
            close_fds=True,
            **detached_options(),
        )


def ensure_daemon(
    home: Path | None = None, options: Sequence[str] = (), timeout_seconds: float = 60.0
) -> tuple[Client, bool]:
    """A client of the daemon that runs, or of one started now; and whether it was started.

    `options` go to a daemon that is started. Raises DaemonNotRunning with the end of its log.
    """
    folder = home or home_folder()
    with contextlib.suppress(DaemonNotRunning):
        return Client.connect(folder), False
    process = start_daemon(folder, options)
    limit = time.monotonic() + timeout_seconds
    while True:
        try:
            return Client.connect(folder, timeouts=Timeouts(connect=1.0)), True
        except DaemonNotRunning as error:
            if process.poll() not in (None, 0) or time.monotonic() > limit:
                raise DaemonNotRunning(f"it did not start: {_end_of_log(folder)}") from error
        time.sleep(0.03)


@contextlib.contextmanager
def daemon_for_call(home: Path | None = None, options: Sequence[str] = ()) -> Iterator[Client]:
    """A client; a daemon that had to be started is stopped at the end, one that ran goes on."""
    client, started = ensure_daemon(home, options)
    with client:
        try:
            yield client
        finally:
            if started:
                client.shutdown()
                _wait_until_gone(home or home_folder())


def _wait_until_gone(home: Path, timeout_seconds: float = 10.0) -> None:
    limit = time.monotonic() + timeout_seconds
    while lock.is_held(home / "daemon.lock") and time.monotonic() < limit:
        time.sleep(0.02)


def _end_of_log(home: Path) -> str:
    return end_of(home, "daemon", 2000) or "no log"
