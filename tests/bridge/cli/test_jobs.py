"""`jobs`: what a person looks for in the list, ids by a part, space that is freed. No daemon but for delete."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.renders.job_facts import FILE, Freed, whole_id
from bridge.files.store import AudioStore
from bridge.jobs import Job, JobStore
from engine.errors import InvalidRequest

FIRST, SECOND = "20261128T101112-aabbccdd", "20261128T101113-aaff0011"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    home.mkdir()
    store = JobStore(home / "jobs.sqlite3")
    request = {"tags": "house, drums", "duration": 8.0, "seed": 7}
    done = store.add(Job(job_id=FIRST, task="inpaint", request=request, client_data={FILE: "/music/out.wav"}))
    store.change(done, "running")
    done.result = [{"seed": 7, "audio": {"samples": 96000, "sample_rate": 48000, "path": "/store/x.wav"}}]
    store.change(done, "completed")
    store.add(Job(job_id=SECOND, task="prompt-to-audio", request={"prompt": "rain", "duration": 5.0, "seed": 8}))
    yield store
    store.close()


def run(*words):
    return CliRunner().invoke(app, ["jobs", *words])


def test_the_list_says_what_each_job_made():
    newest, oldest = run("list").stdout.splitlines()
    assert oldest.startswith(FIRST) and oldest.endswith("2.0 s  seed 7  out.wav  house, drums")
    assert newest.endswith("5.0 s  seed 8  rain")
    listed = json.loads(run("list", "--json").stdout)["jobs"]
    assert [job["file"] for job in listed] == [None, "/music/out.wav"]
    assert (listed[1]["tags"], listed[1]["seconds"], listed[1]["seed"]) == ("house, drums", 2.0, 7)


def test_tags_of_pages_do_not_fill_the_list(store):
    store.add(Job(job_id="", task="inpaint", request={"tags": "house, " * 800}))
    lines = CliRunner().invoke(app, ["jobs", "list"]).stdout.splitlines()
    assert max(map(len, lines)) < 200 and any(line.endswith("house...") for line in lines)


@pytest.mark.parametrize("text", [FIRST, FIRST[:15], FIRST[:16], "aab", "aabbccdd"])
def test_a_part_of_an_id_is_enough(text):
    assert run("show", text).stdout.startswith(FIRST)
    assert json.loads(run("logs", text, "--json").stdout)["lines"] == []


def test_a_part_that_several_jobs_have_is_refused_with_them():
    with pytest.raises(InvalidRequest, match=f"2 jobs begin.*{FIRST}, {SECOND}"):
        whole_id("aa")
    assert run("show", "2026").exit_code == 2
    assert run("show", "zz").exit_code == 2 and run("show", "").exit_code == 2


def test_what_a_deletion_frees_is_counted_once(store, tmp_path):
    audio = AudioStore(tmp_path / "home" / "audio")
    audio.make_folders()
    (mine, _), (shared, _) = audio.put(b"x" * 1000, ".wav"), audio.put(b"y" * 500, ".wav")
    for job_id, digest in ((FIRST, mine), (FIRST, shared), (SECOND, shared)):
        store.use(job_id, digest)
    freed = Freed([FIRST])
    for digest in store.delete(FIRST):
        audio.remove(digest)
    assert freed.bytes() == 1000
