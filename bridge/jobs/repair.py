"""A damaged file of jobs made again: what can still be read of it, and jobs for audio whose recipe is in the file.

The damaged file is kept beside the new one. Knows SQLite and the store of audio; no socket.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bridge.files import AudioStore
from bridge.files.store import hash_file
from bridge.jobs.job import Job, new_job_id
from bridge.jobs.store import JobStore
from bridge.protocol.messages import AudioFile, ModelName, ResultEntry

_TABLES = ("jobs", "logs", "uses", "controls")  # answers last a day, uploads a week: they are not worth it
_SIDES = ("-wal", "-shm")
ReadRecipe = Callable[[Path], dict[str, Any] | None]
Progress = Callable[[int, int], None]  # files looked at, of how many


@dataclass
class Repaired:
    """What came of it: jobs that could be read, jobs made from audio files, files whose bytes have changed."""

    kept: Path
    read: int = 0
    from_audio: int = 0
    damaged_audio: list[Path] = field(default_factory=list)


def repair(path: Path, audio: AudioStore, read_recipe: ReadRecipe, on_file: Progress = lambda at, of: None) -> Repaired:
    """Put the file of jobs aside and make a new one. Nobody else may use it. Raises OSError, StoreError."""
    kept = _put_aside(path)
    repaired = Repaired(kept)
    store = JobStore(path)
    try:
        repaired.read = _copy(kept, store)
        files = sorted(audio.paths())
        for number, file in enumerate(files, 1):
            _take_in(file, store, read_recipe, repaired)
            on_file(number, len(files))
    finally:
        store.close()
    return repaired


def _put_aside(path: Path) -> Path:
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}")
    os.replace(path, kept)
    for side in _SIDES:
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{side}", f"{kept}{side}")
    return kept


def _copy(kept: Path, store: JobStore) -> int:
    """Copy row by row what SQLite can still read; gives the number of jobs."""
    with store.transaction():
        for table in _TABLES:
            for columns, row in _rows(kept, table):
                with contextlib.suppress(Exception):  # a row that is there twice, or holds what no job can
                    store.take_in(table, columns, row)
    return store.drop_unreadable()


def _rows(kept: Path, table: str) -> Iterator[tuple[list[str], tuple[Any, ...]]]:
    """Rows from the front, and from the back if the way there is cut."""
    for order in ("", " ORDER BY rowid DESC" if table == "jobs" else None):
        if order is None:
            return
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(kept)) as base:
            cursor = base.execute(f"SELECT * FROM {table} NOT INDEXED{order}")
            columns = [column[0] for column in cursor.description]
            while (row := cursor.fetchone()) is not None:
                yield columns, row
            return


def _take_in(file: Path, store: JobStore, read_recipe: ReadRecipe, repaired: Repaired) -> None:
    """A completed job for a result that no job names any more."""
    if hash_file(file) != file.stem:
        repaired.damaged_audio.append(file)
        return
    if store.is_used(file.stem):
        return
    with contextlib.suppress(Exception):  # no audio, or a recipe of another kind: the file stays, nobody's
        recipe = read_recipe(file)
        if recipe is not None:
            job = _job(file, recipe)
            with store.transaction():
                store.take_in_job(job, file.stem)
            repaired.from_audio += 1


def _job(file: Path, recipe: dict[str, Any]) -> Job:
    from engine.audio.files import probe

    info, request, made = probe(file), dict(recipe["request"]), file.stat().st_mtime
    model = str(recipe["model"]["name"])
    entry = ResultEntry(
        variation=0,
        audio=AudioFile(
            path=str(file),
            sha256=file.stem,
            file_name=f"{request['task']}-{request['seed']}{file.suffix}",
            file_size=file.stat().st_size,
            content_type="audio/wav" if file.suffix == ".wav" else "application/octet-stream",
            sample_rate=info.sample_rate,
            channels=info.channels,
            samples=info.frames,
            subtype=info.subtype,
        ),
        seed=int(request["seed"]),
        retake_seed=request.get("retake_seed"),
        tags=str(request.get("tags", "")),
        lyrics=str(request.get("lyrics", "")),
        model=ModelName(name=model, description=model),
        recipe=recipe,
    )
    result = [msgspec.to_builtins(entry)]
    return Job(
        job_id=new_job_id(made), task=str(request["task"]), request=request, model=model, state="completed",
        created=made, started=made, finished=made, attempts=1, sequence=1, result=result,
    )  # fmt: skip
