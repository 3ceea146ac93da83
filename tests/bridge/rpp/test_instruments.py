"""lego, extract and complete in a project file: a stem on a new track, one of an item, an item's new take; and by HTTP.

Rendered with ACE-Step 1.5's networks on the tiny checkpoint.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.commands.rpp_commands import _fields
from bridge.files.store import hash_file
from bridge.gateway.endpoint_ids import task_of
from bridge.gateway.inputs import read_input
from bridge.rpp.job import ProjectJob
from bridge.rpp.plan import make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, write_project
from bridge.rpp.text import ProjectRefused
from engine.errors import InvalidRequest
from engine.model import load
from engine.rendering.render import write_render
from tests.support.golden15_runs import OURS
from tests.support.rpp_files import audio, item, project, track

BASE, TURBO = OURS / "tiny_checkpoint" / "base", OURS / "tiny_checkpoint" / "turbo"
QUICK = {"number_of_steps": 1, "seed": 3, "model": str(BASE)}


def song(tmp_path: Path) -> Path:
    audio(tmp_path / "song.wav", 3.0)
    return project(tmp_path, track(item(1.0, 3.0, "song.wav"), name="Band"))


def job(tmp_path: Path, task: Any, start: float = 1.5, end: float = 2.5, **fields: Any) -> ProjectJob:
    return ProjectJob(task, song(tmp_path), tmp_path / "new.RPP", 1, {**QUICK, **fields}, start, end)


def made(tmp_path: Path, wanted: ProjectJob) -> Project:
    plan = make_plan(wanted)
    render = load(BASE, device="cpu").render(plan.parts[0].request)
    path = tmp_path / "made.wav"
    recipe = render.report["recipe"] | {"source_sha256": hash_file(tmp_path / "song.wav")}
    write_render(path, render, recipe)
    written = write_project(plan, [[Rendered(path, recipe, 3, "base")]], tmp_path / "new.RPP")
    return Project.load(written.project)


def test_lego_lies_on_a_new_track_where_its_range_is(tmp_path: Path) -> None:
    after = made(tmp_path, job(tmp_path, "lego", track="bass"))
    assert len(after.tracks) == 2
    (stem,) = after.items(after.tracks[1])
    assert stem.position == pytest.approx(1.5 - 0.03, abs=1e-3) and stem.length == pytest.approx(1.06, abs=1e-3)
    assert stem.active_take is not None and "bass" in str(stem.active_take.source)


def test_extract_lies_where_the_item_is_and_complete_is_its_take(tmp_path: Path) -> None:
    after = made(tmp_path, job(tmp_path, "extract", track="vocals"))
    (stem,) = after.items(after.tracks[1])
    assert (stem.position, stem.length) == pytest.approx((1.0, 3.0), abs=1e-3)
    (tmp_path / "new.RPP").unlink()
    after = made(tmp_path, job(tmp_path, "complete", tracks=["drums"]))
    (completed,) = after.items(after.tracks[0])
    assert len(after.tracks) == 1 and len(completed.takes) == 2


@pytest.mark.parametrize("task", ["extract", "lego"])
def test_a_stem_is_made_again_from_its_source(tmp_path: Path, task: str) -> None:
    """Its item plays another file than the one that it was made from: found among those that the project plays."""
    made(tmp_path, job(tmp_path, task, track="bass"))
    (tmp_path / "again.wav").write_bytes((tmp_path / "made.wav").read_bytes())
    fields = {"seed": 9, "model": str(BASE)}
    again = ProjectJob("retake", tmp_path / "new.RPP", tmp_path / "2.RPP", 2, fields, 1.5, 2.5)
    plain = replace(again, fields={})
    plan = make_plan(again)
    (part,) = plan.parts
    assert type(part.request).task == task and part.request.track == "bass" and part.request.seed == 9
    assert part.request.model == str(BASE) and make_plan(plain).parts[0].request.model == "base"
    assert Path(part.request.audio) == tmp_path / "song.wav" and not plan.notes
    written = write_project(plan, [[Rendered(tmp_path / "again.wav", {}, 9, "base")]], tmp_path / "2.RPP")
    after = Project.load(written.project)
    assert [len(item.takes) for track in after.tracks for item in after.items(track)] == [1, 2]
    audio(tmp_path / "song.wav", 2.0)
    with pytest.raises(ProjectRefused, match="whose source no item of the project plays"):
        make_plan(again)


def test_what_cannot_be_is_refused_before_it_is_rendered(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="which this model is not trained for"):
        make_plan(job(tmp_path, "lego", track="bass", model=str(TURBO)))
    with pytest.raises(InvalidRequest, match="track: got 'piano'"):
        make_plan(job(tmp_path, "lego", track="piano"))
    with pytest.raises(ProjectRefused, match="start_time"):
        make_plan(job(tmp_path, "lego", 2.0, 1.0, track="bass"))


def test_the_words_after_the_project_name_the_instrument() -> None:
    options = {"words": "bass", "track": "Band", "changes": None, "tags": "house", "seed": "3"}
    assert _fields("lego", options) == {"track": "bass", "tags": "house", "seed": 3}
    assert _fields("complete", {**options, "words": None, "tracks": "bass,drums"})["tracks"] == ["bass", "drums"]


def test_http_has_an_endpoint_for_each() -> None:
    for task, more in (("lego", {"track": "bass"}), ("extract", {"track": "vocals"}), ("complete", {"tracks": ["fx"]})):
        assert task_of(f"fal-ai/ace-step/{task}") == task
        request = read_input(task, {"audio_url": "sha256:" + "0" * 64, **more})
        assert type(request).task == task
