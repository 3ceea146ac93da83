"""A daemon that dies of a fault is started again by its parent, and does its jobs without anybody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.client import ensure_daemon
from bridge.log_reading import end_of
from tests.support.daemons import MODEL, is_gone, text
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES


@pytest.mark.skipif(sys.platform == "win32", reason="SIGABRT")
def test_a_daemon_that_aborts_is_started_again_and_its_jobs_are_done(tmp_path: Path) -> None:
    home = tmp_path / "home"
    client, _ = ensure_daemon(home, ["--renderer", SINES, "--model", str(MODEL)])
    with client:
        jobs = [client.submit(text("steps=40 step_seconds=0.02", seed=1)), client.submit(text(seed=2))]
        pid = client.hello().pid
        os.kill(pid, signal.SIGABRT)
        assert [job.wait(HANG_SECONDS).state for job in jobs] == ["completed", "completed"]
        assert client.hello().pid != pid
        log = end_of(home, "daemon", 20_000)
        assert "it is started again" in log and "Fatal Python error: Aborted" in log
        client.shutdown()
    assert is_gone(home)


WATCH = """
import sys
from bridge.daemon.supervise import watch_over
sys.exit(watch_over([sys.executable, "-S", "-E", "-c", sys.argv[1]], pause_seconds=0.0))
"""


def watched(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WATCH, program]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_dies_at_once_again_and_again_is_left_ended() -> None:
    done = watched("import os; os.kill(os.getpid(), 9)")
    assert (done.returncode, done.stderr.count("status -9")) == (137, 6) and "left ended" in done.stderr


@pytest.mark.parametrize("code", [0, 1, 2])
def test_what_ends_in_order_or_cannot_run_stays_ended(code: int) -> None:
    done = watched(f"raise SystemExit({code})")
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_stop_goes_on_to_the_child() -> None:
    program = "import sys, time; print('ready', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", WATCH, program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"ready\n"
        parent.terminate()
        assert parent.wait(HANG_SECONDS) == 128 + signal.SIGTERM
        assert parent.stdout.read() == b""  # the child has ended, too
