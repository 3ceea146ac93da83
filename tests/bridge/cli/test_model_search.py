"""A clip's model, found again: by its name, where jobs had it, in the models folder; by fingerprint, never by path."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.renders.model_search import model_of, other_model
from bridge.jobs import Job, JobStore
from bridge.jobs.own_models import place_of
from engine.checkpoints.identity import fingerprint
from engine.checkpoints.registry import models_folder
from engine.errors import InvalidRequest
from tests.support.paths import NANO

CONFIG = "config.json"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def checkpoint(folder: Path, size: int = 1) -> Path:
    """Something with a fingerprint."""
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps({"size": size}))
    return folder


def recipe(name: str, sha256: str) -> dict[str, Any]:
    return {"model": {"name": name, "sha256": sha256}, "request": {"task": "text-to-audio"}}


def rendered_with(home: Path, *models: Path) -> None:
    store = JobStore(home / "jobs.sqlite3")
    for number, model in enumerate(models):
        store.add(Job(job_id=f"j{number}", task="text-to-audio", request={}, model=str(model)))
    store.close()


def test_a_model_of_the_list_is_taken_by_name_and_another_version_is_said() -> None:
    assert model_of(recipe("nano", fingerprint(NANO))) == ("nano", ())
    name, (note,) = model_of(recipe("nano", "0" * 64))
    assert name == "nano" and "has changed since" in note


def test_a_checkpoint_of_ones_own_is_found_where_jobs_had_it(home: Path, tmp_path: Path) -> None:
    mine, other = checkpoint(tmp_path / "a" / "mine"), checkpoint(tmp_path / "b" / "mine", 2)
    rendered_with(home, mine, other)
    assert place_of(home, "mine") == other
    for place in (mine, other):
        name, (note,) = model_of(recipe("mine", fingerprint(place)))
        assert name == str(place) and str(place) in note


def test_one_that_was_moved_into_the_models_folder_is_found_by_its_fingerprint(home: Path, tmp_path: Path) -> None:
    mine = checkpoint(tmp_path / "mine")
    rendered_with(home, mine)
    sha256 = fingerprint(mine)
    moved = models_folder(home) / "renamed"
    moved.parent.mkdir()
    shutil.move(mine, moved)
    assert model_of(recipe("mine", sha256))[0] == str(moved)


def test_one_that_changed_or_is_gone_is_refused_with_what_to_say(home: Path, tmp_path: Path) -> None:
    mine = checkpoint(tmp_path / "mine")
    rendered_with(home, mine)
    sha256 = fingerprint(mine)
    (mine / CONFIG).write_text("{}")
    with pytest.raises(InvalidRequest, match=r"has changed since.*--model PATH") as changed:
        model_of(recipe("mine", sha256))
    assert changed.value.field == "model" and str(mine) in changed.value.got
    shutil.rmtree(mine)
    with pytest.raises(InvalidRequest, match=r"no 'mine', and no checkpoint with its fingerprint.*--model PATH"):
        model_of(recipe("mine", sha256))


def test_one_that_the_user_names_is_compared(tmp_path: Path) -> None:
    mine = checkpoint(tmp_path / "mine")
    assert other_model(recipe("mine", fingerprint(mine)), str(mine)) == ()
    assert "has changed since" in other_model(recipe("mine", "0" * 64), str(mine))[0]
    assert other_model(recipe("mine", "0" * 64), "nano") == ()  # another one, as it was asked for
