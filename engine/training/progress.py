"""Progress of long training: a bar on a terminal, plain lines otherwise. Knows no model."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Shows steps of one stage; smooths the values that come with them. Use as a context manager."""

    def __init__(self, stage: str, console: Console | None = None, every: int = 50) -> None:
        self.stage, self.every = stage, every
        self.console = console or Console()
        self.smooth: dict[str, float] = {}
        self.started = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[values]}")
            self._bar = Bar(*columns, TimeRemainingColumn(), console=self.console)
            self._task = self._bar.add_task(self.stage, values="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, done: int, total: int, values: Mapping[str, float] | None = None) -> None:
        """Step `done` of `total` is finished."""
        for name, value in (values or {}).items():
            self.smooth[name] = 0.98 * self.smooth.get(name, value) + 0.02 * value
        text = "  ".join(f"{name} {value:.4f}" for name, value in self.smooth.items())
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, values=text)
        elif done % self.every == 0 or done == total:
            seconds = time.monotonic() - self.started
            self.console.print(f"{self.stage} {done}/{total}  {text}  {seconds:.0f} s", highlight=False)

    def note(self, text: str) -> None:
        """A line of its own, above the bar where there is one."""
        self.console.print(text, highlight=False)
