"""Presets as actions: the same files as those of control surfaces, whichever side saved them."""

from __future__ import annotations

import json

import pytest

from bridge.osc.controls.presets import Presets
from bridge.osc.controls.state import Controls
from tests.support.reaper.pressing import TAKE, run

SOFT = {"tags": "soft pads", "lyrics": "one\ntwo", "seed": 5, "number_of_steps": 12, "guidance_scale": 7.5,
        "variations": 2, "start_time": 1.0, "end_time": 2.0, "source": "other.wav", "reaper": 1}  # fmt: skip


@pytest.fixture
def session(two_tracks):
    return two_tracks


@pytest.fixture
def store(session):
    """The presets as the OSC controller keeps them."""
    return Presets(session.home / "presets")


def sent(session):
    return list(session.daemon.requests.values())[-1]


def preset(number):
    return f"Regenerate with preset {number}"


def test_a_surfaces_preset_is_an_action(session, store):
    store.save("Soft", SOFT)
    store.save("Hard", {"tags": "hard kicks"})
    before = dict(session.fake.ext_state)
    run(session, preset(2))  # in alphabetical order
    made = sent(session)
    for name in ("tags", "lyrics", "seed", "number_of_steps", "guidance_scale", "variations"):
        assert made[name] == SOFT[name], name
    assert made["context_seconds"] == 2.0  # of the settings, since the preset has none
    assert (made["start_time"], made["end_time"]) == pytest.approx((4.0, 6.0)) and made["audio"] != "other.wav"
    assert len(session.project.items()[0].takes) == 3
    assert session.project.undo_names[-1] == "ACE-Step: regenerate as new take (Soft)"
    run(session, preset(1))
    assert sent(session)["tags"] == "hard kicks" and "seed" not in sent(session)
    assert session.fake.ext_state["acestep", "settings"] == before["acestep", "settings"]  # nothing was saved
    run(session, TAKE)
    assert sent(session)["tags"] == "house, drums" and "guidance_scale" not in sent(session)


def test_numbers_at_the_beginning_of_names_choose_the_keys(session, store):
    for name in ("4 four", "02 two", "Aaa", "12 twelve", "2 again"):
        store.save(name, {"tags": name})
    run(session, preset(4))
    assert sent(session)["tags"] == "4 four"
    run(session, preset(2))
    assert sent(session)["tags"] == "02 two"
    session.action(preset(1))
    assert "There is no preset 1. There are: 02 two, 12 twelve, 2 again" in session.fake.help_text
    assert len(session.daemon.jobs) == 2


def test_names_that_only_look_numbered_go_by_alphabet(session, store):
    for name in ("80s", "8bit", "2nd verse", "Warm"):
        store.save(name, {"tags": name})
    run(session, preset(1))
    assert sent(session)["tags"] == "2nd verse"
    run(session, preset(4))
    assert sent(session)["tags"] == "Warm"


def test_a_preset_counts_against_a_surface_and_settings_do_not(session, store):
    store.save("1", {"tags": "of the preset", "seed": 3})
    session.daemon.controls.update(reaper=1, tags="of the surface", guidance_scale=4.0)
    run(session, preset(1))
    assert (sent(session)["tags"], sent(session)["seed"]) == ("of the preset", 3) and "guidance_scale" not in sent(
        session
    )
    run(session, TAKE)
    assert (sent(session)["tags"], sent(session)["guidance_scale"]) == ("of the surface", 4.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "The preset '1' is damaged. Save it again"),
        ("[]", "The preset '1' is damaged"),
        ('{"tags": "a", "seed": "x"}', "The preset '1': seed: got 'x', expected a whole number"),
        ('{"tags": "a", "variations": 99}', "variations: got '99'"),
    ],
)
def test_what_cannot_be_used_is_named_and_renders_nothing(session, store, text, said):
    store.save("1", {})
    (session.home / "presets" / "1.json").write_text(text, "utf-8")
    session.action(preset(1))
    assert said in session.fake.help_text and session.daemon.jobs == {}
    session.check()


def test_without_presets_one_sentence_says_how_to_get_one(session):
    session.action(preset(8))
    assert "There is no preset 8. Save one in the panel, or from a control surface" in session.fake.help_text


def test_what_the_panel_saves_is_a_surfaces_preset(session, store):
    session.save_tags(tags="a, b", lyrics="one / two", seed="9", steps="20", variance="0.25", model="nano")
    request = {"version": 1, "id": "x", "op": "save", "preset": "From REAPER"}
    session.fake.ext_state["acestep", "panel_requests"] = json.dumps(request)
    session.action("Background service")
    session.until(lambda: ("acestep", "panel_state") in session.fake.ext_state)
    assert store.names() == ["From REAPER"]
    assert oct((session.home / "presets" / "From REAPER.json").stat().st_mode)[-3:] == "600"
    assert [p.name for p in (session.home / "presets").iterdir()] == ["From REAPER.json"]
    found = Controls()
    saved = store.recall("From REAPER")
    found.load(saved)
    known = set(saved) & set(found.table)
    assert set(saved) - known <= {"model"}  # surfaces leave the model to the daemon
    assert {name: found.values[name] for name in known} == {name: saved[name] for name in known}
    assert (saved["tags"], saved["lyrics"], saved["seed"], saved["number_of_steps"]) == ("a, b", "one\ntwo", 9, 20)
    session.check()
