"""Rendering into project files, with the real engine on the tiny checkpoint; what is heard stays what it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec import UNSET

import engine
from bridge.rpp.errors import ProjectRefused
from bridge.rpp.fades import read_fade
from bridge.rpp.new_project import Meter, new_project, write
from bridge.rpp.plan import ProjectJob, kept_recipe, make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, render_into_project, safe_stem
from bridge.rpp.text import undo
from bridge.rpp.write import NewItem, NewTake, NewTrack
from engine.audio.files import read
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


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg here")
def test_an_item_of_an_m4a_gets_a_take_of_the_length_that_it_plays(song: Path, render: Engine) -> None:
    """To REAPER m4a and mp4 are of the type VIDEO."""
    source = song.with_name("lead.m4a")
    words = ["ffmpeg", "-v", "error", "-i", str(song.with_name("lead.wav")), "-c:a", "aac", str(source)]
    subprocess.run(words, check=True)
    old = '<SOURCE WAVE\n        FILE "lead.wav"'
    text = song.read_text("utf-8")
    assert old in text
    song.write_text(text.replace(old, '<SOURCE VIDEO\n        FILE "lead.m4a"'), "utf-8")
    result = render_into_project(job(song), render)
    project = Project.load(result.project)
    old_take, new = project.items(project.track("Lead"))[0].takes
    assert (old_take.source, new.start_offset) == (source, 0.5)
    heard, made = read(source).samples, read(new.source).samples
    assert made.shape == heard.shape and 0 <= heard.shape[1] - 7 * RATE < 1024  # whole frames of AAC
    assert np.abs(made - heard)[:, : 2 * RATE].max() < 1e-4 and np.abs(made - heard)[:, 3 * RATE :].max() > 0.01


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


def heard(path: Path, frames: int) -> np.ndarray:
    """What the tracks play together, as REAPER would mix it: rates of 1, no pan; fades as `fades` describes them."""
    project, mix = Project.load(path), np.zeros(frames)
    for track in project.tracks:
        level = float(track.block.line("VOLPAN").words[1]) if track.block.line("VOLPAN") else 1.0
        for item in project.items(track):
            take = item.active_take
            if not item.sounds or take is None or take.source is None:
                continue
            first, last = round(item.position * RATE), round(item.end * RATE)
            begin = round(take.start_offset * RATE)
            sound = soundfile.read(take.source, always_2d=True)[0][begin : begin + last - first, 0]
            gain = np.ones(len(sound)) * level * item.volume
            for key, seconds in (
                ("FADEIN", read_fade(item.block, "FADEIN")),
                ("FADEOUT", read_fade(item.block, "FADEOUT")),
            ):
                width = round(seconds.seconds * RATE)
                if width:
                    curve = CURVES[seconds.shape](np.arange(width) / width)
                    if key == "FADEIN":
                        gain[:width] *= curve[: len(gain)]
                    else:
                        gain[-width:] *= curve[::-1]
            mix[first : first + len(sound)] += gain * sound
    return mix


CURVES = {0: lambda x: x, 1: lambda x: 1 - (1 - x) ** 2, 2: lambda x: x**2}


def test_outpaint_makes_only_what_is_new_and_hears_what_the_item_shows(song: Path, render: Engine) -> None:
    """The item shows 0.5 to 6.5 s of a source of 7 s; what it hides stays hidden and unheard."""
    result = render_into_project(job(song, task="outpaint", start_time=7.0, end_time=9.5), render)
    (request,) = render.requests
    assert (request.extend_before_duration, request.extend_after_duration) == (0.0, 1.5)
    assert (request.audio.frames, request.audio.sample_rate) == (6 * RATE, RATE)
    project = Project.load(result.project)
    (item,) = project.items(project.track("Lead acestep"))
    assert (item.position, item.end) == (7.99, 9.5)  # over the old item's fade-out
    assert item.active_take is not None and item.active_take.start_offset == pytest.approx(5.99)
    assert soundfile.info(result.audio[0]).frames == 7.5 * RATE


@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_what_is_heard_before_the_end_of_the_item_is_not_doubled(song: Path, render: Engine, seconds: float) -> None:
    """Up to the item's fade-out all is as it was; there the new item's fade-in makes up for it."""
    text = song.read_text(encoding="utf-8")
    song.write_text(text.replace("FADEOUT 1 0.01 0", f"FADEOUT 1 {seconds} 0", 1), encoding="utf-8")
    before = heard(song, 10 * RATE)
    outpainted = job(song, task="outpaint", start_time=6.5, end_time=9.5)
    after = heard(render_into_project(outpainted, render).project, 10 * RATE)
    fades = round((8 - seconds) * RATE)
    assert np.array_equal(before[:fades], after[:fades])
    source = np.concatenate([np.zeros(round(1.5 * RATE)), soundfile.read(song.parent / "lead.wav")[0][:, 0]])
    seam = round(7.965 * RATE)  # the engine's own fade to what is new begins 0.03 s before the end
    assert np.abs(after[fades:seam] - source[fades:seam]).max(initial=0.0) < 1e-3
    assert np.abs(after[8 * RATE : round(9.4 * RATE)]).max() > 0.01


def test_an_item_without_a_fade_is_told(song: Path, render: Engine) -> None:
    text = song.read_text(encoding="utf-8")
    song.write_text(text.replace("FADEOUT 1 0.01 0", "FADEOUT 1 0 0", 1), encoding="utf-8")
    result = render_into_project(job(song, task="outpaint", start_time=7.0, end_time=9.5), render)
    project = Project.load(result.project)
    (item,) = project.items(project.track("Lead acestep"))
    assert (item.position, item.end) == (8.0, 9.5)
    assert any("has no fade" in note for note in result.notes)


def test_outpaint_before(song: Path, render: Engine) -> None:
    result = render_into_project(job(song, task="outpaint", start_time=0.5, end_time=3.0), render)
    (request,) = render.requests
    assert (request.extend_before_duration, request.extend_after_duration) == (1.5, 0.0)
    project = Project.load(result.project)
    (item,) = project.items(project.track("Lead acestep"))
    take = item.active_take
    assert take is not None
    assert (item.position, item.end, take.start_offset) == (0.5, 2.01, 0.0)


def test_outpaint_where_no_item_ends_is_refused(song: Path, render: Engine) -> None:
    with pytest.raises(ProjectRefused, match="no item ends or begins"):
        render_into_project(job(song, task="outpaint", start_time=4.0, end_time=7.9), render)


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


def test_retake_of_other_audio_needs_tags_and_renders_the_range(song: Path, render: Engine) -> None:
    with pytest.raises(ProjectRefused, match="Give --tags"):
        render_into_project(job(song, task="retake", fields={}), render)
    result = render_into_project(job(song, task="retake"), render)
    (request,) = render.requests
    assert (request.task, request.start_time, request.end_time) == ("inpaint", 2.5, 3.5)
    assert any("4 to 5 s of it were the starting point" in note for note in result.notes)
    made, source = samples(result.audio[0]), samples(song.parent / "lead.wav")
    assert made.shape == source.shape and np.array_equal(made[: 2 * RATE], source[: 2 * RATE])


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
        ({"task": "master"}, None, "inpaint, outpaint, retake"),
        ({}, ("SELECTION 4 5", "SELECTION 4 4"), "without a time selection"),
        ({}, ('FILE "lead.wav"', 'FILE "gone.wav"'), "file is missing"),
        ({}, ("SOURCE WAVE", "SOURCE MIDI"), "type MIDI"),
        ({}, ("CHANMODE 0", "SM 0 0 + 1 2"), "stretch markers"),
        ({}, ("LENGTH 6", "LENGTH 60"), None),
        ({"start_time": 20.0, "end_time": 21.0}, ("LENGTH 6", "LENGTH 60"), "over there"),
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
