"""What an engine process writes, records and raw lines of libraries, into `engine.log`, which the daemon alone writes.

Knows pipes and records; nothing of jobs.
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from bridge.log import LogFile

_LONGEST_LINE = 1 << 16
_END_SECONDS = 1.0


class EngineOutput:
    """Reads one process's output in a thread of its own, until the process has ended."""

    def __init__(self, path: Path, stream: IO[bytes], pid: int) -> None:
        self._logger, self._stream, self._pid = _logger(path), stream, pid
        self._thread = threading.Thread(target=self._read, name="engine-output", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """After the process has ended: until the last of it is written."""
        self._thread.join(_END_SECONDS)

    def _read(self) -> None:
        with self._stream:
            for line in iter(lambda: self._stream.readline(_LONGEST_LINE), b""):
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    self._logger.handle(_record(text, self._pid))


def _logger(path: Path) -> logging.Logger:
    """One for each file, for all engine processes of a daemon."""
    logger = logging.getLogger(f"bridge.engine_output.{path}")
    if not logger.handlers:
        logger.propagate = False
        logger.addHandler(LogFile(path, lazily=True))
    return logger


def _record(line: str, pid: int) -> logging.LogRecord:
    """A record that the process logged itself, or a raw line."""
    values: dict[str, Any] = {"name": "engine.output", "levelno": logging.INFO, "process": pid}
    values |= _told(line) or {"msg": line}
    return logging.makeLogRecord(values | {"levelname": logging.getLevelName(values["levelno"])})


def _told(line: str) -> dict[str, Any] | None:
    try:
        held = json.loads(line)
        level = logging.getLevelNamesMapping()[held["level"].upper()]
        created = datetime.fromisoformat(held["time"]).timestamp()
        text = str(held["traceback"]) if "traceback" in held else None
        said = {"name": str(held["name"]), "levelno": level, "msg": str(held["message"])}
        return {**said, "created": created, "exc_text": text}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, OSError):
        return None
