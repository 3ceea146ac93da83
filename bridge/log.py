"""Logs of every process: a JSON object a line, in files that are rotated while they are written, and text on terminals.

    {"time": "2026-11-28T10:15:00.123+00:00", "level": "info", "name": "bridge.daemon", "pid": 4711, "message": "..."}

`traceback` is there where something failed. One process writes a file, so that it can be put aside on every system;
`ACESTEP_BRIDGE_LOG` says from which level on. Keys that a process knows never come into its logs. Knows no process.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import logging.handlers
import os
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.foreign_text import in_one_line, shown

LEVELS = ("debug", "info", "warning", "error")
VARIABLE = "ACESTEP_BRIDGE_LOG"
MOST_BYTES = 2_000_000  # of a file, of which there are KEPT more
KEPT = 3
MOST_MESSAGE = 16_384  # characters; the rest is left out
_HIDDEN = "[secret]"


def level_of(environment: Mapping[str, str] = os.environ) -> str:
    """The level that the environment names, info unless it does. Raises ValueError, which says what it takes."""
    level = environment.get(VARIABLE, "").lower() or "info"
    if level not in LEVELS:
        raise ValueError(f"{VARIABLE}: got {level!r}, expected one of {', '.join(LEVELS)}")
    return level


def set_up(
    path: Path | None, level: str = "info", on_stderr: logging.Formatter | None = None, lazily: bool = False
) -> None:
    """Let everything that this process logs go to a file, to standard error, or to both. Raises OSError, but for
    `lazily`: a full disk leaves the file for later.
    """
    handlers: list[logging.Handler] = [] if path is None else [LogFile(path, lazily)]
    if on_stderr is not None and sys.stderr is not None:  # a program without a window has none on Windows
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[-1].setFormatter(on_stderr)
    logging.captureWarnings(True)
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)


def hide(*secrets: str) -> None:
    """What this process may never log, from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _WithoutSecrets):
            handler.formatter.secrets += tuple(secret for secret in secrets if secret)


class _WithoutSecrets(logging.Formatter):
    secrets: tuple[str, ...] = ()

    def without(self, text: str) -> str:
        """The text without what is hidden, and not endless."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return text if len(text) <= MOST_MESSAGE else f"{text[:MOST_MESSAGE]} [... {len(text)} characters]"


class LogFormatter(_WithoutSecrets):
    """A record as one line of JSON in ASCII: nothing in it ends the line or steers a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "name": record.name,
            "pid": record.process,
            "message": self.without(record.getMessage()),
        }
        text = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return json.dumps({**entry, "traceback": self.without(text)} if text else entry)


class TextFormatter(_WithoutSecrets):
    """A record as a line for a terminal; a traceback has lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        record.message = in_one_line(self.without(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """A traceback, whose last line may be another's text."""
        return shown(self.without(super().formatException(ei)))


class LogFile(logging.handlers.RotatingFileHandler):
    """A file of 0600 that is put aside once it is long: NAME.1 is the one before, up to NAME.3.

    `lazily`: opened when there is something to write, and again until that works; else raises OSError now.
    """

    def __init__(self, path: Path, lazily: bool = False) -> None:
        super().__init__(
            path,
            maxBytes=MOST_BYTES,
            backupCount=KEPT,
            encoding="ascii",
            delay=lazily,
            errors="backslashreplace",
        )
        self.setFormatter(LogFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, into the file that has this name now: another process may have put ours aside."""
        with contextlib.suppress(OSError):
            if self.stream is not None and not self._is_ours(self.stream):
                self.stream.close()
                self.stream = self._open()
        super().emit(record)

    def rotate(self, source: str, dest: str) -> None:
        """Put the file aside. Where somebody holds it open (Windows) it is copied and emptied instead."""
        try:
            os.replace(source, dest)
        except PermissionError:
            with contextlib.suppress(OSError):
                shutil.copyfile(source, dest)
            with open(source, "r+b") as file:
                file.truncate(0)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk stops no music."""

    def _is_ours(self, stream: io.TextIOWrapper) -> bool:
        try:
            return os.path.samestat(os.stat(self.baseFilename), os.fstat(stream.fileno()))
        except (OSError, ValueError):
            return False

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return open(descriptor, "a", encoding=self.encoding, errors=self.errors)
