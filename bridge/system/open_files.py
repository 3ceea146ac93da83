"""How many files and connections a process may have open, and what is said when there are no more. Knows no socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import sys
import time
from typing import Any

TOO_MANY = (errno.EMFILE, errno.ENFILE)
_FILES_WANTED = 4096
_FILES_FOR_US = 96  # of what the system grants: store, audio, engine, logs
_WINDOWS_SOCKETS = 512  # FD_SETSIZE of CPython there: one more raises out of `select`
_LEAST_CONNECTIONS, _MOST_CONNECTIONS = 16, 512
_QUIET_SECONDS = 60.0


def allow_many_files() -> None:
    """Have the system grant this process as many open files as it may have, within reason."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(_FILES_WANTED, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections(ports: int = 2, most: int = _MOST_CONNECTIONS) -> int:
    """How many peers each of so many ports may have: full ones leave as much as a port's for everything else."""
    files = _files()
    return most if files is None else max(_LEAST_CONNECTIONS, min(most, (files - _FILES_FOR_US) // (ports + 1)))


def _files() -> int | None:
    """How many this process may have, None: any number. On Windows what a loop can look at, which ends it."""
    if sys.platform == "win32":
        return _WINDOWS_SOCKETS
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


class Rarely:
    """A warning that is said once a minute, however often there is cause: whoever causes it must not fill the log."""

    def __init__(self, logger: logging.Logger, seconds: float = _QUIET_SECONDS) -> None:
        self._logger, self._seconds = logger, seconds
        self._said: float | None = None

    def warn(self, text: str) -> None:
        """Say it, unless something was said lately."""
        now = time.monotonic()
        if self._said is None or now - self._said >= self._seconds:
            self._said = now
            self._logger.warning("%s", text)


def say_when_files_run_out(loop: asyncio.AbstractEventLoop, logger: logging.Logger) -> None:
    """A line a minute in place of a hundred tracebacks a second; asyncio tries again each second by itself."""
    rarely = Rarely(logger)

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in TOO_MANY:
            rarely.warn(f"{OUT_OF_FILES} New connections wait until others end.")
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


OUT_OF_FILES = "Too many files and connections are open. Close programs that use it, or raise the limit (ulimit -n)."
