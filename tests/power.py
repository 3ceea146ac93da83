"""Loss of power at any moment: `python -m tests.power [--jobs N] [--chances N]`. Linux, with gcc.

A real daemon and engine process render jobs over a disk that notes every write, sync and rename. For each moment the
folder is made anew as a disk may have it: only what was synced, and by chance more of it, torn. A store is opened on
each: every job acknowledged by then is there, and audio of every completed job is whole.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bridge.files.store import AudioStore, hash_file
from bridge.jobs import JobStore
from tests.crash.asking import song
from tests.support.daemons import running, text
from tests.support.disk import can_be_built, on_disk
from tests.support.disk.changes import Change, Disk, read_changes
from tests.support.patience import HANG_SECONDS

_JOURNAL_BYTES = 1 << 18  # a daemon's own is longer: each state of the disk holds it
_GONE = re.compile(rb'"op":"delete"')
_ANSWER = re.compile(rb'"op":"submit".*?"job_id":"([^"]+)"', re.DOTALL)


@dataclass
class Found:
    """What was looked at, and what was wrong."""

    moments: int = 0
    states: int = 0
    acknowledged: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A folder in main memory where there is one: hundreds of stores are opened, and each syncs."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


@dataclass(frozen=True)
class Recording:
    """A home, what was written there, and the one job that was deleted once all but the last were done."""

    home: Path
    changes: list[Change]
    deleted: str


def record(folder: Path, jobs: int) -> Recording:
    """The home of a daemon that did some jobs, half of them with audio, forgot one, and did another; what it wrote."""
    home, log = folder / "home", folder / "log"
    home.mkdir()
    before = dict(os.environ)
    os.environ.update(on_disk(home, log=log))
    try:
        with running(home, "--journal-bytes", str(_JOURNAL_BYTES)) as daemon:
            os.environ.clear()
            os.environ.update(before)
            with daemon.client() as client:
                asked = [client.submit(_request(number)) for number in range(jobs)]
                for job in asked:
                    job.wait(HANG_SECONDS)
                deleted = asked[0].job_id
                client.delete(deleted)
                client.submit(_request(jobs)).wait(HANG_SECONDS)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Recording(home, list(read_changes(log)), deleted)


def _request(number: int) -> dict[str, object]:
    request = text("steps=1 step_seconds=0", seed=number)
    if number % 2:
        return request
    del request["duration"]
    data = "data:audio/wav;base64," + base64.b64encode(song(number)).decode()
    return {**request, "task": "inpaint", "start_time": 0.2, "end_time": 0.7, "audio": data}


class Told:
    """What clients were told by a moment: jobs that must be there, and one that must not be there any more."""

    def __init__(self, recording: Recording) -> None:
        self._deleted = recording.deleted
        self.jobs: set[str] = set()
        self.is_gone = False

    def hear(self, data: bytes) -> None:
        """What the daemon sent."""
        self.jobs |= {match.decode() for match in _ANSWER.findall(data)}
        self.is_gone = self.is_gone or (self._deleted in self.jobs and _GONE.search(data) is not None)

    def lost(self, store: JobStore) -> Iterator[str]:
        """What of it does not hold in a store."""
        for job_id in self.jobs - {self._deleted}:
            if store.get(job_id) is None:
                yield f"{job_id} was acknowledged and is lost"
        if self.is_gone and store.get(self._deleted) is not None:
            yield f"{self._deleted} was deleted and is back"


def look(recording: Recording, folder: Path, chances: int = 1) -> Found:
    """Every moment of a recording. `chances`: how many states by chance of each."""
    disk, found, told, seen = Disk(recording.home), Found(), Told(recording), set[bytes]()
    for number, change in enumerate(recording.changes):
        if change.op == "send":
            told.hear(change.first)
        elif disk.take(change):
            found.moments += 1
        else:
            continue
        lucks = [random.Random(number * 100 + chance) for chance in range(chances if change.op != "send" else 0)]
        for luck in [*([None] if change.op in ("sync", "rename", "send") else []), *lucks]:  # None: what is sure
            state = folder / "state"
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir()
            disk.after_loss(state, luck)
            mark = _digest(state, told)
            if mark not in seen:
                seen.add(mark)
                found.states += 1
                found.faults += [f"change {number}: {fault}" for fault in faults(state, told)]
    found.acknowledged = told.jobs
    return found


def _digest(state: Path, told: Told) -> bytes:
    digest = hashlib.sha256(repr((sorted(told.jobs), told.is_gone)).encode())
    for path in sorted(path for path in state.rglob("*") if path.is_file()):
        digest.update(str(path).encode() + b"\0" + hash_file(path).encode())
    return digest.digest()


def faults(home: Path, told: Told) -> Iterator[str]:
    """What is lost or damaged in a folder as a new daemon finds it."""
    if not (home / "jobs.sqlite3").exists():
        yield from (f"no store, and {job_id} was acknowledged" for job_id in told.jobs)
        return
    store = JobStore(home / "jobs.sqlite3")
    try:
        store.check()
        yield from told.lost(store)
        audio = AudioStore(home / "audio")
        for job in store.list(None, None, 10_000, 0)[0]:
            for entry in job.result or []:
                path = audio.find(entry["audio"]["sha256"])
                if path is None or hash_file(path) != path.stem:
                    yield f"{job.job_id} is completed, its audio is {'lost' if path is None else 'damaged'}"
            for digest in store.used_by(job.job_id):
                path = audio.find(digest)
                if path is None or hash_file(path) != path.stem:
                    yield f"{job.job_id} ({job.state}) needs audio that is lost"
    finally:
        store.close()


def main(arguments: list[str] | None = None) -> int:
    """A recording, looked at. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.power", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--chances", type=int, default=3, help="states by chance of each moment")
    given = parser.parse_args(arguments)
    if not can_be_built():
        print("Skipped: noting what is written needs Linux and gcc.")
        return 0
    with tempfile.TemporaryDirectory() as name:
        recording = record(Path(name), given.jobs)
        with in_memory() as states:
            found = look(recording, states, given.chances)
    print(
        f"{len(recording.changes)} calls, {found.moments} moments, {found.states} states of the disk, "
        f"{len(found.acknowledged)} acknowledged jobs, {len(found.faults)} faults"
    )
    for fault in found.faults[:20]:
        print(f"  {fault}")
    return 1 if found.faults or len(found.acknowledged) != given.jobs + 1 else 0


if __name__ == "__main__":
    sys.exit(main())
