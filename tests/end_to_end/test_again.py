"""`again`: the very clip, from a batch too, and its source found where it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bridge.client import Client
from tests.support.cli_material import QUICK, REGION, TINY, make_source, run

MODEL = ("--model", TINY)


@pytest.fixture(autouse=True)
def here(home, tmp_path, monkeypatch):
    """Each test works in a folder of its own, with the shared daemon."""
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def made(*words: object) -> None:
    done = run(*words)
    assert done.code == 0, done.err


def forget_jobs(home: Path) -> None:
    with Client.connect(home) as client:
        for job in client.jobs().jobs:
            client.delete(job.job_id)


def test_every_variation_is_made_again_bit_for_bit(here):
    quick = ("--tags", "drums", "--duration", "2", "--number-of-steps", "4", "--seed", "5")
    made("text-to-audio", *quick, "--variations", "3", "-o", "v.wav")
    for name in ("v.wav", "v-2.wav", "v-3.wav"):
        made("again", name, *MODEL, "-o", f"again-{name}")
        assert Path(f"again-{name}").read_bytes() == Path(name).read_bytes()
    assert not Path("again-v-2-2.wav").exists()


def test_the_candidate_that_was_kept_is_made_again_bit_for_bit(here):
    make_source(here / "source.wav")
    made("inpaint", here / "source.wav", *REGION, *QUICK, "--candidates", "3", "-o", "out.wav")
    made("again", "out.wav", *MODEL, "-o", "again.wav")
    assert Path("again.wav").read_bytes() == Path("out.wav").read_bytes()


def test_the_source_is_found_where_it_was_and_said_where_it_is_not(here, home):
    source = make_source(here / "source.wav", seconds=2.9)  # a file that no other test has
    made("inpaint", source, *REGION, *QUICK, "-o", "out.wav")
    found = run("again", "out.wav", *MODEL, "-o", "where-it-was.wav")
    assert found.code == 0 and str(source) in found.err
    assert Path("where-it-was.wav").read_bytes() == Path("out.wav").read_bytes()

    original = source.read_bytes()
    make_source(source, seconds=2.5)
    changed = run("again", "out.wav", *MODEL, "-o", "no.wav")
    assert changed.code == 2 and "has changed since" in changed.err and "--audio" in changed.err
    named = run("again", "out.wav", *MODEL, "--audio", source, "-o", "named.wav")
    assert named.code == 0 and "the result differs" in named.err

    Path("under another name.wav").write_bytes(original)
    made("again", "out.wav", *MODEL, "-o", "beside.wav")
    assert Path("beside.wav").read_bytes() == Path("out.wav").read_bytes()


def test_a_source_in_the_daemons_store_or_the_project_is_found(here, home):
    source = make_source(here / "source.wav", seconds=2.8)
    with Client.connect(home) as client:
        uploaded = client.upload(source.read_bytes())
    made("inpaint", uploaded.reference, *REGION, *QUICK, "-o", "out.wav")
    made("again", "out.wav", *MODEL, "-o", "stored.wav")
    assert Path("stored.wav").read_bytes() == Path("out.wav").read_bytes()
    forget_jobs(home)

    project = here / "project"
    (project / "Media").mkdir(parents=True)
    (project / "Takes").mkdir()
    (project / "song.rpp").write_text("<REAPER_PROJECT 0.1\n>\n")
    shutil.move("out.wav", project / "Takes" / "out.wav")
    shutil.move(source, project / "Media" / "drums.wav")
    made("again", project / "Takes" / "out.wav", *MODEL, "-o", "project.wav")
    assert Path("project.wav").read_bytes() == (project / "Takes" / "out.wav").read_bytes()
