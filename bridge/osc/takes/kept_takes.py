"""Takes and jobs under way in a file, so that a controller started again goes on with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge.osc.daemon.jobs import OwnJob
from bridge.osc.takes.takes import Takes
from bridge.system.atomic import write_private

INTERVAL_SECONDS = 0.1


class KeptTakes:
    """Run `run` as a task; `put` says that something changed. A damaged file counts as none."""

    def __init__(self, path: Path, takes: Takes, own_jobs: Callable[[], dict[str, OwnJob]]) -> None:
        self._path, self._takes, self._own_jobs = path, takes, own_jobs
        self._woken = asyncio.Event()

    def load(self) -> dict[str, OwnJob]:
        """Fill the takes; the jobs that were under way."""
        try:
            saved = json.loads(self._path.read_bytes())
            jobs = {str(job_id): OwnJob(**{k: str(v) for k, v in job.items()}) for job_id, job in saved["jobs"].items()}
            paths = [str(path) for path in saved["paths"] if Path(path).is_file()]
            present = paths.index(saved["path"]) + 1 if saved["path"] in paths else 0
            original, sources = str(saved["original"]), frozenset(map(str, saved["sources"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}
        self._takes.start(original)
        self._takes.paths, self._takes.present, self._takes.sources = paths, present, sources
        return jobs

    def put(self) -> None:
        """Something changed."""
        self._woken.set()

    async def run(self) -> None:
        """Write what changed, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await asyncio.to_thread(self._write, self._content())
            await asyncio.sleep(INTERVAL_SECONDS)

    def close(self) -> None:
        """Write what is not written yet."""
        if self._woken.is_set():
            self._write(self._content())

    def _content(self) -> dict[str, Any]:
        takes = self._takes
        return {
            "original": takes.original, "sources": sorted(takes.sources), "paths": takes.paths, "path": takes.path,
            "jobs": {job_id: asdict(job) for job_id, job in self._own_jobs().items()},
        }  # fmt: skip

    def _write(self, content: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a convenience, not worth an error on stage
            write_private(self._path, json.dumps(content).encode())
