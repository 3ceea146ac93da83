"""Progress on stderr: a bar on a terminal, plain lines elsewhere. Knows no socket."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bridge.foreign_text import shown
from bridge.protocol.messages import JobStatus

LINE_EVERY = 0.25  # plain lines: a share of the job between two of them, unless the stage changes
STAGES = {
    "": "starting",
    "load": "loading the model",
    "prepare": "reading the request",
    "encode": "encoding",
    "denoise": "denoising",
    "decode": "decoding",
    "effects": "applying effects",
    "seam": "joining",
    "write": "writing",
    "receive": "receiving",
    "interrupted": "interrupted",
}


def words_of(status: JobStatus) -> str:
    """What a job is doing, in words: queue position, or stage and step."""
    if status.state == "queued":
        ahead = status.queue_position
        return f"queued, number {ahead}" if ahead > 1 else "queued, next"
    if status.cancelling:
        return "cancelling"
    if status.is_finished:
        return status.state
    stage = STAGES.get(status.stage, status.stage)
    return f"{stage} {status.step}/{status.steps}" if status.steps > 1 else stage


class JobDisplay:
    """Shows the statuses of one job as they come."""

    def __init__(
        self, title: str, console: Console | None = None, why_fewer: Callable[[int], str] | None = None
    ) -> None:
        """`why_fewer` says of the sampler's number of steps why it is not the one that was asked for, or nothing."""
        self._why_fewer = why_fewer
        self._console = console or Console(stderr=True, highlight=False)
        self._title = shown(title)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last: tuple[str, float] = ("", -1.0)

    def __enter__(self) -> JobDisplay:
        if self._console.is_terminal:
            plain = (TextColumn("{task.description}", markup=False), TextColumn("{task.fields[words]}", markup=False))
            columns = (plain[0], BarColumn(), plain[1])
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(self._title, total=1.0, words="starting")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, status: JobStatus) -> None:
        """Show how far the job is."""
        if status.stage == "denoise" and status.steps and self._why_fewer is not None:
            why, self._why_fewer = self._why_fewer(status.steps), None
            if why:
                self.say(why)
        words = shown(words_of(status)) + _remaining(status)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=status.progress, words=words)
            return
        stage, progress = self._last
        now = status.stage or status.state
        if now != stage or status.progress >= progress + LINE_EVERY:
            self._last = (now, status.progress)
            self._line(f"{words}, {round(100 * status.progress)} %")

    def say(self, text: str) -> None:
        """A line beside the progress."""
        text = shown(text)
        self._console.print(f"{self._title}: {text}", markup=False) if self._bar else self._line(text)

    def _line(self, text: str) -> None:
        print(f"{self._title}: {text}", file=sys.stderr, flush=True)


@contextmanager
def byte_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function (done, total) that shows how much of a download is there."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    shown = -1

    def line(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // max(total, 1)
        if percent // 5 > shown:
            shown = percent // 5
            print(f"{title}: {percent} % of {total / 1e9:.2f} GB", file=sys.stderr, flush=True)

    yield line


def _remaining(status: JobStatus) -> str:
    seconds = status.remaining_seconds
    if status.is_finished or seconds is None:
        return ""
    whole = max(1, round(seconds))
    return f", about {whole // 60} min {whole % 60:02d} s left" if whole >= 60 else f", about {whole} s left"
