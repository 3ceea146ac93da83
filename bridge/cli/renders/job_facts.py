"""What a person wants to know of a job: tags, length, seed, file; and jobs by a part of their id.

Read from the daemon's record on this machine, beside the daemon. Knows no socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.files.store import AudioStore
from bridge.jobs import Job, JobStore
from bridge.protocol.home import home_folder
from engine.errors import InvalidRequest

Facts = dict[str, Any]
_MOST_CHARACTERS = 100  # of tags in a line
FILE = "file"  # in `client_data` of jobs of this command line: where their result was written


@contextmanager
def record() -> Iterator[JobStore | None]:
    """The record of jobs, to be read; None where there is none. Raises StoreError."""
    path = home_folder() / "jobs.sqlite3"
    if not path.is_file():
        yield None
        return
    store = JobStore.reading(path)
    try:
        yield store
    finally:
        store.close()


def facts_of(job_ids: Iterable[str]) -> dict[str, Facts]:
    """tags, seconds, seed and file of jobs, by id; None for what is not known."""
    with record() as store:
        jobs = [] if store is None else [job for job_id in job_ids if (job := store.get(job_id)) is not None]
    return {job.job_id: _facts(job) for job in jobs}


def whole_id(text: str) -> str:
    """The id of the only job that begins so, or whose last part does; else what was given, for the daemon to judge.

    Raises InvalidRequest where several do.
    """
    with record() as store:
        ids = [] if store is None else store.ids_like(text)
    if len(ids) < 2 or text in ids:
        return ids[0] if len(ids) == 1 else text
    some = ", ".join(ids[:4]) + (", ..." if len(ids) > 4 else "")
    raise InvalidRequest(
        "job", f"{text!r}, with which {len(ids)} jobs begin", "as much of an id as one job has", f"They are {some}"
    )


class Freed:
    """The bytes of audio that go when jobs are deleted: asked for before and after."""

    def __init__(self, job_ids: Iterable[str]) -> None:
        """Look at the files that these jobs use."""
        with record() as store:
            hashes = set() if store is None else {digest for job_id in job_ids for digest in store.used_by(job_id)}
        paths = [AudioStore(home_folder() / "audio").find(digest) for digest in hashes]
        self._sizes = {path: path.stat().st_size for path in paths if path is not None}

    def bytes(self) -> int:
        """The size of those that are not there any more."""
        return sum(size for path, size in self._sizes.items() if not path.exists())


def _facts(job: Job) -> Facts:
    request = job.request
    entry = _chosen(job)
    audio = entry.get("audio") or {}
    rate = audio.get("sample_rate")
    words = request.get("tags") or request.get("prompt") or request.get("track")
    return {
        "tags": words,
        "seconds": audio["samples"] / rate if rate else request.get("duration"),
        "seed": entry.get("seed", request.get("seed")),
        "file": job.client_data.get(FILE) or audio.get("path"),
    }


def _shown(file: Path) -> str:
    """The file's name; of one that lies in the daemon's store only, whose name is its hash, a part."""
    return f"{file.stem[:8]}...{file.suffix}" if len(file.stem) == 64 else file.name


def _beginning(tags: str) -> str:
    """Tags may be pages long; a line is for finding a job again."""
    return tags if len(tags) <= _MOST_CHARACTERS else f"{tags[: _MOST_CHARACTERS - 3].rstrip(' ,')}..."


def _chosen(job: Job) -> dict[str, Any]:
    entries = job.result or []
    return next((entry for entry in entries if entry.get("chosen", True)), {})


def words_of(facts: Facts) -> str:
    """The facts in a line: 4.0 s, seed 7, out.wav, house, 124 bpm."""
    seconds, seed, file = facts["seconds"], facts["seed"], facts["file"]
    parts = [
        f"{seconds:.1f} s" if seconds is not None else "",
        f"seed {seed}" if seed is not None else "",
        _shown(Path(file)) if file else "",
        _beginning(str(facts["tags"] or "")),
    ]
    return "  ".join(part for part in parts if part)
