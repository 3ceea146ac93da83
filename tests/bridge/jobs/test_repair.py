"""A damaged file of jobs: found at the start, refused with a way out, made anew from what is left."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.daemon.main import main
from bridge.files import AudioStore
from bridge.jobs import Job, JobStore
from bridge.jobs.repair import repair
from bridge.protocol.errors import StoreError
from engine.audio.buffer import Audio
from engine.audio.metadata import read_recipe
from engine.audio.write import write_audio

RECIPE = {"recipe": 1, "model": {"name": "nano", "sha256": "aa"}, "request": {"task": "text-to-audio", "seed": 7}}


def filled(home: Path, count: int = 200) -> tuple[Path, list[str]]:
    store = JobStore(home / "jobs.sqlite3")
    made = []
    for number in range(count):
        job = store.add(Job(job_id="", task="retake", request={"tags": "x" * 200, "number": number}))
        store.log(job.job_id, "info", "queued")
        made.append(job.job_id)
    store.close()
    base = sqlite3.connect(home / "jobs.sqlite3")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    return home / "jobs.sqlite3", made


def damage(path: Path, seed: int) -> None:
    """Bytes of some pages in the middle, as a bad disk leaves them."""
    data, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for page in rng.integers(2, len(data) // 4096, 4):
        data[page * 4096 : page * 4096 + 2048] = rng.bytes(2048)
    path.write_bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_what_can_be_read_is_kept(tmp_path: Path, seed: int) -> None:
    path, made = filled(tmp_path)
    damage(path, seed)
    audio = AudioStore(tmp_path / "audio")
    audio.make_folders()
    repaired = repair(path, audio, read_recipe)
    store = JobStore(path)
    store.check()
    jobs, total = store.list(None, None, 500, 0)
    assert 0 < total == repaired.read and {job.job_id for job in jobs} <= set(made)
    assert all(made[job.request["number"]] == job.job_id for job in jobs) and repaired.kept.is_file()
    store.close()


def test_jobs_are_made_from_the_recipes_in_audio_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = AudioStore(tmp_path / "audio")
    audio.make_folders()
    sound = Audio(np.zeros((2, 4410), np.float32), 44100)
    digest, _ = audio.adopt(write_audio(audio.new_path(".wav"), sound, recipe=RECIPE))
    changed = audio.put(b"RIFF of another time", ".wav")[1]
    changed.write_bytes(b"RIFF of anotherZtime")
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database at all" * 1000)
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path))
    assert main(["--home", str(tmp_path)]) == 2  # refused at the start
    shown = CliRunner().invoke(app, ["jobs", "repair"])
    assert shown.exit_code == 0 and "0 job(s) read, 1 made from audio files" in shown.stdout
    store = JobStore(tmp_path / "jobs.sqlite3")
    (job,), _ = store.list(None, None, 9, 0)
    assert (job.state, job.task, store.used_by(job.job_id)) == ("completed", "text-to-audio", [digest])
    assert job.result is not None and job.result[0]["recipe"] == RECIPE
    store.close()


def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path, _ = filled(tmp_path)
    damage(path, 1)
    with pytest.raises(StoreError, match="jobs repair"):
        store = JobStore(path)
        try:
            store.check()
        finally:
            store.close()
    shutil.copy(path, tmp_path / "before")
    assert main(["--home", str(tmp_path)]) == 2
    assert path.read_bytes() == (tmp_path / "before").read_bytes() or sys.platform == "win32"
