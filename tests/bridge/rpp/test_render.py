"""Rendering into project files, with the real engine on the tiny checkpoint; what is heard stays what it was."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec import UNSET

import engine
from bridge.rpp.errors import ProjectRefused
from bridge.rpp.new_project import Meter, new_project, write
from bridge.rpp.plan import ProjectJob, kept_recipe, make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, render_into_project, safe_stem
from bridge.rpp.text import undo
from bridge.rpp.write import NewItem, NewTake, NewTrack
from engine.requests import Request
from tests.support.paths import TINY

CHECKPOINT = TINY
RATE = 48000
FIELDS = {"tags": "house, drums", "seed": 7, "number_of_steps": 2}


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return engine.load(CHECKPOINT, device="cpu")


class Engine:
    """Renders with a model into a folder, and remembers the requests."""

    def __init__(self, model: engine.Model, folder: Path) -> None:
        self.model, self.folder = model, folder
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Sequence[Rendered]:
        self.requests.append(request)
        made = []
        for index, result in enumerate(self.model.render_all(request)):
            path = self.folder / f"made-{len(self.requests)}-{index}.wav"
            result.write(path)
            recipe = {"recipe": 1, "model": {"name": "tiny"}, "request": result.report["request"]}
            recipe["request"] = {k: v for k, v in recipe["request"].items() if k != "audio"}
            made.append(Rendered(path, recipe, result.seed, "tiny"))
        return made


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Two tracks: `Lead` plays lead.wav from 0.5 s of it, at 2 to 8 s; `Bass` has two items with a gap."""
    folder = tmp_path / "björn 音"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name, seconds in (("lead.wav", 7.0), ("bass.wav", 3.0)):
        samples = 0.1 * rng.standard_normal((round(seconds * RATE), 2))
        soundfile.write(folder / name, samples, RATE, subtype="PCM_24")
    lead = NewItem(2, 6, NewTake(Path("lead.wav"), "lead.wav", start_offset=0.5))
    bass = [NewItem(at, 3, NewTake(Path("bass.wav"), "bass")) for at in (0, 4)]
    project = new_project(
        folder / "song.RPP", [NewTrack("Lead", [lead]), NewTrack("Bass", bass)], Meter(120), (4.0, 5.0)
    )
    return write(project)


@pytest.fixture
def render(model: engine.Model, tmp_path: Path) -> Engine:
    store = tmp_path / "store"
    store.mkdir()
    return Engine(model, store)


def job(song: Path, **more) -> ProjectJob:
    return ProjectJob(
        **{"task": "inpaint", "project": song, "out": song.with_name("new.RPP"), "track": "Lead"}
        | {"fields": FIELDS, **more}
    )


def samples(path: Path) -> np.ndarray:
    return soundfile.read(path, always_2d=True, dtype="int32")[0]


def test_inpaint_adds_a_take_that_differs_only_in_the_selection(song: Path, render: Engine) -> None:
    before = song.read_bytes()
    result = render_into_project(job(song), render)
    assert song.read_bytes() == before
    (request,) = render.requests
    assert (request.start_time, request.end_time) == (2.5, 3.5)
    (point,) = request.tempo_map
    assert (point.time, point.bpm, point.bar_phase) == (-1.5, 120, 0)  # project time 0 in the source
    project = Project.load(result.project)
    item = project.items(project.track("Lead"))[0]
    old, new = item.takes
    assert (old.active, new.active) == (False, True)
    assert (new.name, new.start_offset, new.play_rate) == ("lead.wav (tiny, seed 7)", 0.5, 1.0)
    assert new.source == song.parent / "lead acestep 01.wav" == result.audio[0]
    assert 'FILE "lead acestep 01.wav"' in project.text  # a folder that can be moved
    source, made = samples(song.parent / "lead.wav"), samples(new.source)
    assert made.shape == source.shape
    different = np.nonzero((made != source).any(axis=1))[0]
    assert 2.4 * RATE < different[0] <= 2.5 * RATE + 5000 and 3.4 * RATE < different[-1] < 3.6 * RATE
    recipe = kept_recipe(project, new)
    assert recipe is not None and recipe["request"]["seed"] == 7


def test_the_item_s_rate_counts_in_the_request(song: Path, render: Engine) -> None:
    song.write_text(song.read_text(encoding="utf-8").replace("PLAYRATE 1 1", "PLAYRATE 1.25 1", 1), encoding="utf-8")
    render_into_project(job(song, start_time=3.0, end_time=4.0), render)
    (request,) = render.requests
    assert (request.start_time, request.end_time) == (1.75, 3.0)
    assert request.tempo_map[0].bpm == 96
    made = Project.load(song.with_name("new.RPP"))
    assert made.items(made.tracks[0])[0].takes[1].play_rate == 1.25


def test_a_range_over_two_items_gives_each_a_take(song: Path, render: Engine) -> None:
    result = render_into_project(job(song, track=2, start_time=2.0, end_time=5.0), render)
    assert [(r.start_time, r.end_time) for r in render.requests] == [(2.0, 3.0), (0.0, 1.0)]
    project = Project.load(result.project)
    assert [len(item.takes) for item in project.items(project.tracks[1])] == [2, 2]
    assert len(result.notes) == 2 and "clipped" in result.notes[0]
    assert [path.name for path in result.audio] == ["bass acestep 01.wav", "bass acestep 02.wav"]


def test_variations_become_takes_and_the_first_is_active(song: Path, render: Engine) -> None:
    result = render_into_project(job(song, fields={**FIELDS, "variations": 2}), render)
    project = Project.load(result.project)
    takes = project.items(project.tracks[0])[0].takes
    assert [take.active for take in takes] == [False, True, False]
    assert len(result.audio) == 2


def test_on_a_new_track_the_region_alone_is_placed(song: Path, render: Engine) -> None:
    result = render_into_project(job(song, new_track=True), render)
    project = Project.load(result.project)
    assert [t.name for t in project.tracks] == ["Lead", "Lead acestep", "Bass"]
    (item,) = project.items(project.tracks[1])
    assert (item.position, item.length) == (4.0, 1.0)
    assert item.active_take is not None and item.active_take.start_offset == 2.5
    assert len(project.items(project.tracks[0])[0].takes) == 1


def test_generate_fills_the_selection(song: Path, render: Engine) -> None:
    result = render_into_project(job(song, task="generate", track=None), render)
    (request,) = render.requests
    assert request.duration == 1.0
    project = Project.load(result.project)
    track = project.track("house, drums")
    assert track.number == 3
    (item,) = project.items(track)
    assert item.position == 4.0
    info = soundfile.info(result.audio[0])
    assert item.length == pytest.approx(info.frames / info.samplerate)
    onto = render_into_project(job(song, task="generate", track="Bass", out=song.with_name("b.RPP")), render)
    again = Project.load(onto.project)
    assert len(again.items(again.track("Bass"))) == 3


def test_outpaint_extends_beyond_the_source_on_a_new_track(song: Path, render: Engine) -> None:
    result = render_into_project(job(song, task="outpaint", start_time=7.0, end_time=9.5), render)
    (request,) = render.requests
    assert (request.extend_before_duration, request.extend_after_duration) == (0.0, 1.0)  # the source ends at 8.5 s
    project = Project.load(result.project)
    (item,) = project.items(project.track("Lead acestep"))
    assert (item.position, item.end) == (2.0, 9.5)
    assert item.active_take is not None and item.active_take.start_offset == 0.5
    assert soundfile.info(result.audio[0]).frames == 8 * RATE


def test_outpaint_before(song: Path, render: Engine) -> None:
    result = render_into_project(job(song, task="outpaint", start_time=0.5, end_time=3.0), render)
    (request,) = render.requests
    assert (request.extend_before_duration, request.extend_after_duration) == (1.0, 0.0)
    project = Project.load(result.project)
    (item,) = project.items(project.track("Lead acestep"))
    take = item.active_take
    assert take is not None
    assert (item.position, item.end, take.start_offset) == (0.5, 8.0, 0.0)
    made, source = samples(result.audio[0]), samples(song.parent / "lead.wav")
    kept = RATE * 3 // 2
    assert np.array_equal(made[RATE + kept :], source[kept:])


def test_outpaint_where_the_source_still_has_audio_is_refused(song: Path, render: Engine) -> None:
    with pytest.raises(ProjectRefused, match="still has audio"):
        render_into_project(job(song, task="outpaint", start_time=7.0, end_time=8.4), render)


def test_retake_of_a_generated_item_and_of_an_inpainted_one(song: Path, render: Engine) -> None:
    made = render_into_project(job(song, task="generate", track=None, name="pad"), render).project
    again = job(made, task="retake", out=song.with_name("r.RPP"), track="pad", fields={"variance": 0.3})
    render_into_project(again, render)
    assert type(render.requests[-1]).task == "retake"
    assert (render.requests[-1].seed, render.requests[-1].variance, render.requests[-1].tags) == (
        7,
        0.3,
        "house, drums",
    )
    painted = render_into_project(job(song), render).project
    result = render_into_project(replace(job(painted), task="retake", out=song.with_name("p.RPP"), fields={}), render)
    assert type(render.requests[-1]).task == "inpaint"
    assert (render.requests[-1].start_time, render.requests[-1].seed) == (2.5, UNSET)
    project = Project.load(result.project)
    assert [t.active for t in project.items(project.tracks[0])[0].takes] == [False, False, True]


def test_retake_of_other_audio_needs_tags_and_says_what_it_did(song: Path, render: Engine) -> None:
    with pytest.raises(ProjectRefused, match="Give --tags"):
        render_into_project(job(song, task="retake", fields={}), render)
    result = render_into_project(job(song, task="retake"), render)
    assert render.requests[-1].edit_mode == "reference"
    assert any("starting point" in note for note in result.notes)


def test_elsewhere_everything_is_absolute_and_the_rest_unchanged(song: Path, render: Engine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    result = render_into_project(job(song, out=other / "new.RPP"), render)
    project = Project.load(result.project)
    takes = project.items(project.tracks[0])[0].takes
    assert [take.source for take in takes] == [song.parent / "lead.wav", other / "lead acestep 01.wav"]


def test_a_failure_leaves_no_audio_behind(song: Path, model: engine.Model, tmp_path: Path) -> None:
    def broken(request: Request) -> Sequence[Rendered]:
        good = tmp_path / "good.wav"
        soundfile.write(good, np.zeros((100, 1)), RATE)
        return [Rendered(good, {}, 1), Rendered(tmp_path / "missing.wav", {}, 2)]

    before = sorted(os.listdir(song.parent))
    with pytest.raises(FileNotFoundError):
        render_into_project(job(song), broken)
    assert sorted(os.listdir(song.parent)) == before


@pytest.mark.parametrize(
    ("change", "text", "message"),
    [
        ({"track": None}, None, "no track"),
        ({"track": "Drums"}, None, "'Drums'"),
        ({"start_time": 5.0}, None, "less than end_time"),
        ({"start_time": 20.0, "end_time": 21.0}, None, "no audio item"),
        ({"task": "master"}, None, "inpaint, retake"),
        ({}, ("SELECTION 4 5", "SELECTION 4 4"), "without a time selection"),
        ({}, ('FILE "lead.wav"', 'FILE "gone.wav"'), "file is missing"),
        ({}, ("SOURCE WAVE", "SOURCE MIDI"), "type MIDI"),
        ({}, ("CHANMODE 0", "SM 0 0 + 1 2"), "stretch markers"),
        ({}, ("LENGTH 6", "LENGTH 60"), None),
        ({"start_time": 20.0, "end_time": 21.0}, ("LENGTH 6", "LENGTH 60"), "looped, or over"),
    ],
)
def test_what_cannot_be_rendered_is_said_before_rendering(
    song: Path, change: dict, text: tuple[str, str] | None, message: str | None
) -> None:
    if text is not None:
        old = song.read_text(encoding="utf-8")
        assert text[0] in old
        song.write_text(old.replace(*text, 1), encoding="utf-8")
    if message is None:
        assert make_plan(job(song, **change)).parts
        return
    with pytest.raises(ProjectRefused, match=message):
        make_plan(job(song, **change))


def test_the_output_is_checked_first(song: Path) -> None:
    for out in (song, song.with_suffix(".txt"), song.parent / "missing" / "a.RPP"):
        with pytest.raises(ProjectRefused, match="out"):
            make_plan(job(song, out=out))


def test_a_plan_writes_nothing(song: Path) -> None:
    before = sorted(os.listdir(song.parent))
    plan = make_plan(job(song))
    assert undo(plan.project.text, plan.project.edits) == plan.project.text
    assert sorted(os.listdir(song.parent)) == before


def test_stems_are_names_that_every_system_takes() -> None:
    assert safe_stem('a/b:"c".wav') == "a_b__c_"
    assert safe_stem("lead acestep 03.wav") == "lead"
    assert safe_stem("v1.2 mix") == "v1.2 mix"
    assert safe_stem("...") == "audio"
