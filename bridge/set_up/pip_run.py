"""Runs pip and says in one line what it is at: which step, which package, how far, how long already.

On a terminal the line is drawn again each second; elsewhere a line comes when something changes, not more often than
each ten seconds. Everything pip says goes into a log. Knows no package.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

_DOWNLOADING = re.compile(r"Downloading (?:\S*/)?([A-Za-z0-9_.]+?)-\d\S* \(([^)]+)\)")
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_QUIET_SECONDS = 10.0
_DRAW_SECONDS = 0.5


@dataclass
class Words:
    """What pip is at, from its lines."""

    text: str = "starting"
    packages: int = 0
    share: float | None = field(default=None)

    def hear(self, line: str) -> None:
        """Take in one of pip's lines."""
        line = line.strip()
        if match := _PROGRESS.match(line):
            total = int(match[2])
            self.share = int(match[1]) / total if total else None
            return
        if match := _DOWNLOADING.match(line):
            self.packages += 1
            self._say(f"downloading {match[1]} ({match[2]})")
        elif line.startswith("Building wheel"):
            self._say(f"building {line.split(': ')[-1] if 'collected' in line else line.split(' for ')[-1].split()[0]}")
        elif line.startswith("Installing collected packages:"):
            count = line.count(",") + 1
            self._say(f"copying {count} package(s) into place")
        elif line.startswith(("Using cached", "Processing")):
            self.packages += 1
            self._say("taking what was downloaded before")
        elif line.startswith("Collecting"):
            self._say(f"looking for {re.split(r'[^A-Za-z0-9_.-]', line.split()[1])[0]}")

    def _say(self, text: str) -> None:
        self.text, self.share = text, None

    @property
    def sentence(self) -> str:
        """With the share of a download, where it is known."""
        percent = f", {100 * self.share:.0f} %" if self.share is not None else ""
        return f"{self.text}{percent}"


class Display:
    """One line about one step."""

    def __init__(self, title: str, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._out = out
        self._clock = clock
        self._began = clock()
        self._last, self._said = -_QUIET_SECONDS, ""
        self._on_terminal = out.isatty()

    def show(self, words: Words) -> None:
        """Draw the line, or say it where it is new."""
        text = f"{self._title}: {words.sentence}"
        seconds = self._clock() - self._began
        if self._on_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r" + f"{text} [{minutes(seconds)}]"[:width].ljust(width))
        elif words.text != self._said and self._clock() - self._last >= _QUIET_SECONDS:
            self._said, self._last = words.text, self._clock()
            self._write(f"{text}\n")

    def end(self, how: str) -> None:
        """The last line about the step, with how long it took."""
        width = shutil.get_terminal_size().columns - 1
        start = "\r" + " " * width + "\r" if self._on_terminal else ""
        self._write(f"{start}{self._title}: {how} ({minutes(self._clock() - self._began)})\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def minutes(seconds: float) -> str:
    """0:07, 12:31"""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@dataclass(frozen=True)
class Pip:
    """How pip is run: the command before its arguments, its environment, its log."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    out: TextIO = sys.stdout

    def run(self, title: str, arguments: Sequence[str]) -> str:
        """Run it, showing how it goes. "" where it worked, else the end of what it said."""
        words, display = Words(), Display(title, self.out)
        tail: list[str] = []
        process = subprocess.Popen(
            [*self.command, *arguments],
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        reader = threading.Thread(target=self._read, args=(process, words, tail), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                display.show(words)
                reader.join(_DRAW_SECONDS)
        except BaseException:
            process.kill()
            process.wait()
            display.end("stopped")
            raise
        reader.join()
        display.end("done" if process.returncode == 0 else "failed")
        return "" if process.returncode == 0 else "\n".join(tail[-60:]) or f"status {process.returncode}"

    def _read(self, process: subprocess.Popen[str], words: Words, tail: list[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                words.hear(line)
                if not line.startswith("Progress "):
                    self._log(line)
                    tail.append(line.rstrip())
                    del tail[:-200]

    def _log(self, line: str) -> None:
        """Into the log, where that is possible: on a full disk pip must be heard to its end all the same."""
        with contextlib.suppress(OSError), open(self.log, "a", encoding="utf-8", errors="replace") as log:
            log.write(line)
