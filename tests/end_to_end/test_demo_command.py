"""`demo` from the command to the folder, with a real daemon and the tiny checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from bridge.demo.full_model import recommended
from bridge.rpp.project_file import Project
from engine.checkpoints import registry
from tests.support.cli_material import count_jobs, make_source, run

QUICK = ["--set", "number_of_steps=4", "--set", "context_seconds=1"]
REGION = ["--start-time", "1", "--end-time", "1.6", "--tags", "drums"]


@pytest.fixture(autouse=True)
def here(home, tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_leaves_both_projects_the_audio_the_picture_and_the_texts(here):
    done = run("demo", *QUICK)
    assert done.code == 0, done.err
    folder = here / "acestep-demo"
    names = {path.name for path in folder.iterdir()}
    assert {
        "demo.RPP",
        "demo-regenerated.RPP",
        "before-after.png",
        "seam-report.txt",
        "report.png",
        "README.txt",
    } <= names
    assert {"Drums.wav", "Bass.wav", "Keys.wav", "Pad.wav", "mix-before.wav", "mix-after.wav"} <= names
    project = Project.load(folder / "demo-regenerated.RPP")
    takes = project.items(project.track("Drums"))[0].takes
    assert [take.active for take in takes] == [False, True]
    before, rate = soundfile.read(takes[0].source, dtype="int32")
    after, _ = soundfile.read(takes[1].source, dtype="int32")
    start, end = (round(t * rate) for t in project.time_selection)
    fade = round(0.03 * rate)
    assert np.array_equal(after[: start - fade], before[: start - fade])
    assert np.array_equal(after[end + fade :], before[end + fade :])
    assert not np.array_equal(after[start:end], before[start:end])
    full = next(entry for entry in registry.entries() if entry.name == recommended("cpu"))
    for words in ("reaper install", f"{full.size_bytes / 1e9:.1f} GB", full.licence, "seed 7", f"pull {full.name}"):
        assert words in done.out
    assert "[4/4]" in done.err
    assert "rpp inpaint" in (folder / "README.txt").read_text()
    assert "Outside the region" in (folder / "seam-report.txt").read_text()


def test_the_demo_with_an_own_file(here):
    source = make_source(here / "my 'song'.wav")
    done = run("demo", "--audio", source, *REGION, *QUICK, "--folder", "own", "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document["region"] == {"start_time": 1.0, "end_time": 1.6}
    assert document["recipe"]["request"]["tags"] == "drums"
    project = Project.load(here / "own" / "demo-regenerated.RPP")
    assert len(project.items(project.tracks[0])[0].takes) == 2
    assert "tempo_map" not in document["recipe"]["request"]
    again = run("demo", "--audio", source, *REGION, *QUICK, "--folder", "own")
    assert (again.code, "not empty" in again.err) == (2, True)


BAD = {
    "no region": (["--audio", "s.wav"], "start_time"),
    "no file": (["--audio", "none.wav", *REGION], "audio"),
    "beyond": (["--audio", "s.wav", "--start-time", "1", "--end-time", "30", "--tags", "x"], "end_time"),
    "backwards": (["--audio", "s.wav", "--start-time", "2", "--end-time", "1", "--tags", "x"], "start_time"),
    "region without file": (["--start-time", "2"], "start_time"),
    "unknown field": (["--set", "colour=red"], "colour"),
    "wrong value": (["--set", "seed=red"], "seed"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_leaves_no_folder_and_no_job(case, here, home):
    make_source(here / "s.wav")
    words, field = BAD[case]
    before = count_jobs(home)
    done = run("demo", *words, "--json")
    assert done.code == 2, done.err
    assert done.document["error"]["field"] == field
    assert count_jobs(home) == before
    assert not (here / "acestep-demo").exists()
