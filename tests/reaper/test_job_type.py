"""The scripts' job: its fields, the way to the daemon's `client_data` and back, commands. No REAPER."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from reaper_scripts.acestep_reaper.jobs import commands, kinds
from reaper_scripts.acestep_reaper.jobs.job import Job
from reaper_scripts.acestep_reaper.jobs.made_from import MadeFrom
from reaper_scripts.acestep_reaper.jobs.target import Again, Target

TARGET = ("{track}", "{item}", "{take}", 4.0, 6.0, "Drums")
PIECE = kinds.Piece("{item}", "{take}", "/music/a.wav", 1.0, 1.25, 3.0, 5.0)
RESULTS = [
    kinds.NoSource(),
    kinds.Full("/music/a.mp3", 1.0, 1.25, 0.0, 3.0, 5.0, ["{left}"]),
    kinds.Clip("/music/a.wav", 1.0, 1.25, 2.0, 3.0, 5.0, file_range=[96000, 480000]),
    kinds.Cut("/music/a.wav", 1.0, 1.25, 2.0, 3.0, 5.0),
    kinds.Group(anchor=1.0, source_start=3.0, source_end=5.0, pieces=[PIECE, PIECE]),
    kinds.Track(anchor=1.0, source_start=3.0, source_end=5.0, whole=True, begins=0.0),
]


def job(result) -> Job:
    return Job(*TARGET, mode="take", task="inpaint", again=Again("{old}", [1.0, 2.0]), extend_after=0.5, batch="b",
               title="regenerate", count=2, index=1, request_id="b-1", project="p", project_file="/a.rpp",
               crossfade=0.03, captured="/tmp/c.wav", result=result)  # fmt: skip


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.kind)
def test_it_comes_back_from_the_daemon_as_it_was_sent(result):
    sent = json.loads(json.dumps(job(result).to_client_data()))
    assert sent["app"] == "reaper" and sent["kind"] == result.kind
    assert Job.from_client_data(sent) == job(result)
    assert {"index", "origin", "source_start", "left_out", "name"} <= set(sent), "older scripts ask for these"
    assert {type(found) for found in RESULTS} == set(kinds.KINDS.values())


def test_a_job_of_an_earlier_version_is_read():
    """As 0.1.0's first scripts wrote it: all keys in one object, and one that is gone since."""
    old = {"app": "reaper", "batch": "b", "count": 1, "title": "regenerate", "mode": "take", "task": "inpaint",
           "project": "p", "project_file": "", "index": 0, "request_id": "b-0", "track": "{track}", "item": "{item}",
           "take": "{take}", "start": 4.0, "end": 6.0, "name": "Drums", "capture": "dry", "crossfade": 0.03,
           "source": "/music/a.wav", "anchor": 1.0, "rate": 1.0, "origin": 2.0, "kind": "clip", "left_out": [],
           "source_start": 3.0, "source_end": 5.0, "file_range": [88200, 441000], "gone": 1}  # fmt: skip
    found = Job.from_client_data(old)
    assert found.result == kinds.Clip("/music/a.wav", 1.0, 1.0, 2.0, 3.0, 5.0, file_range=[88200, 441000])
    assert (found.track, found.end, found.crossfade, found.exact, found.again) == ("{track}", 6.0, 0.03, False, None)
    piece = {"item": "{1}", "take": "{2}", "source": "/b.wav", "anchor": 0.0, "rate": 1.0, "source_start": 0.0,
             "source_end": 1.0}  # fmt: skip
    group = dict(old, kind="group", source="", pieces=[piece])
    assert Job.from_client_data(group).named_items == ["{1}"]


@pytest.mark.parametrize(
    "data", [{}, {"app": "other", "batch": "b"}, {"app": "reaper"}, {"app": "reaper", "batch": "b"}]
)
def test_what_is_no_job_of_ours_is_none(data):
    assert Job.from_client_data(data) is None


@pytest.mark.parametrize(
    "thing", [job(kinds.NoSource()), Target(*TARGET), PIECE, MadeFrom(), commands.Look(), *RESULTS]
)
def test_nothing_but_its_fields_can_be_set(thing):
    with pytest.raises(AttributeError, match="has no field 'strays'"):
        thing.strays = 1
    with pytest.raises(TypeError):
        type(thing)(strays=1)


def test_no_two_fields_share_a_name_on_the_wire():
    """It is one flat object. `pieces` alone is of two: a group's take the place of a target's."""
    own = {field.name for field in fields(Job)} - {"result", "pieces"}
    for kind in kinds.KINDS.values():
        assert not own & {field.name for field in fields(kind)}


def test_targets_and_commands_come_through_external_state():
    target = Target(*TARGET, pieces=[["{item}", "{take}"], ["{2}", "{3}"]], into=True, again=Again("{old}"))
    render = commands.Render("id", "regenerate", "inpaint", "take", [target], {"seed": 0}, surface=False)
    for command in (render, commands.Cancel("all"), commands.Register({"Retake": "_RS1"}), commands.Look()):
        assert commands.from_json(json.loads(json.dumps(commands.to_json(command)))) == command
    assert commands.from_json({"op": "another version's"}) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"kind": "clip", "gone": 1}'])
def test_what_a_take_keeps_is_read_or_empty(text):
    found = MadeFrom.from_text(text)
    assert (found.kind, found.capture) == ("clip" if "clip" in text else "", "dry")


def test_what_a_take_keeps_of_its_job():
    made = MadeFrom.of(job(RESULTS[2]))
    assert MadeFrom.from_text(made.text()) == made == MadeFrom("clip", "{track}", 4.0, 6.0, "dry", 2.0, [3.0, 5.0])
