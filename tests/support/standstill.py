"""A plugin of pytest for checks with processes of others in them: one that stands still is named, and shows where.

`python -m pytest -p tests.support.standstill --timeout 240`: a check that has taken four fifths of that is told, with
what each process below this one is at; then pytest-timeout fails it. Where even that does not end it, all is ended.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator

import psutil
import pytest

_DUMP_SECONDS = 10.0
_TOLD, _ENDED = 0.8, 1.5  # of the time that a check has
_stream = os.fdopen(os.dup(2), "w")  # pytest takes the error stream itself away


def pytest_configure() -> None:
    """A signal to end lets checks stop what they have started."""
    let_signals_end_this()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Two clocks for each check, in threads: a signal is not heard inside a library that waits."""
    limit = float(item.config.getoption("--timeout"))
    told = threading.Timer(_TOLD * limit, tell, [item.nodeid, _TOLD * limit])
    ended = threading.Timer(_ENDED * limit, _end_all, [item.nodeid])
    clocks = (told, ended)
    for clock in clocks:
        clock.daemon = True
        clock.start()
    try:
        return (yield)
    finally:
        for clock in clocks:
            clock.cancel()


def tell(name: str, seconds: float) -> None:
    """Say on the error stream which check it is, and where this process and all below it stand."""
    _say(f"\n{name} stands still: {seconds:.0f} s. Where each process is:\n")
    faulthandler.dump_traceback(_stream, all_threads=True)
    for process in below():
        _say(f"--- {_described(process)}\n{_stacks(process.pid)}")


def below() -> list[psutil.Process]:
    """The processes that this one, or one of them, has started."""
    return psutil.Process().children(recursive=True)


def end(processes: list[psutil.Process]) -> None:
    """Kill them and wait for them."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, _DUMP_SECONDS)


def let_signals_end_this() -> None:
    """Ray's utility has a signal to end the run fail one check only, and stands still at the second: taken back."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _end_all(name: str) -> None:
    _say(f"\n{name} does not end. Everything is ended.\n")
    end(below())
    os._exit(4)


def _described(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {process.status()} {' '.join(process.cmdline())[:200]}"
    return f"{process.pid} ended"


def _stacks(pid: int) -> str:
    """Of a Python process, as py-spy sees them."""
    program = shutil.which("py-spy")
    if program is None:
        return "no stack: py-spy is not installed (pip install py-spy)\n"
    words = [program, "dump", "--nonblocking", "--pid", str(pid)]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(words, capture_output=True, text=True, timeout=_DUMP_SECONDS)
        return done.stdout or "no Python\n"
    return "py-spy does not see it\n"


def _say(words: str) -> None:
    _stream.write(words)
    _stream.flush()
