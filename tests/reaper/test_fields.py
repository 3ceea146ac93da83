"""The scripts' lists of request fields against the requests themselves: what a user sets is used, or named here."""

from __future__ import annotations

import importlib
import sys
import types

import pytest

from bridge.osc.address_space.addresses import control_fields
from engine.requests import TASKS, fields_of
from engine.requests.tracks import TRACKS
from reaper_scripts.acestep_reaper.jobs import instrument_names
from reaper_scripts.acestep_reaper.state import surface

# Controls of a surface that the scripts leave out, each with its reason.
OF_THE_PROJECT = {
    "duration", "start_time", "end_time", "start_time_relative_to", "end_time_relative_to", "extend_before_duration",
    "extend_after_duration", "tempo", "meter", "downbeat_time", "channels",
}  # fmt: skip
OF_THE_TAKE = {"format", "sample_rate", "bit_depth", "output"}  # the new file is as the take's own, or put into it
ASKED_FOR = {"edit_mode", "original_tags", "original_lyrics"}  # by the actions Remix and Edit lyrics
OF_ONE_MODEL_RUN = {"original_seed", "edit_n_min", "edit_n_max", "edit_n_avg"}  # of one edit, not of a session
OF_THE_SONG = {"context_lyrics_before", "context_lyrics_after"}  # the words around one range
INSTRUMENTS = {"track", "tracks"}  # asked for by the three actions of instruments
SCRIPTED = sorted(TASKS)
LEFT_OUT = INSTRUMENTS | OF_THE_PROJECT | OF_THE_TAKE | ASKED_FOR | OF_ONE_MODEL_RUN | OF_THE_SONG
OF_TAKE_FX = {"effects", "effects_tail"}  # a take has FX of its own in REAPER
LEFT_OUT |= OF_TAKE_FX
WITHOUT_SEAM = {"candidates"}  # the best seam is chosen: in tasks that have none they are not taken
NOT_OF_A_SURFACE = {"model"}  # a preset's; a surface leaves the model to the daemon


def test_the_instruments_are_those_of_the_requests():
    assert instrument_names.NAMES == TRACKS
    assert [instrument_names.named(text) for text in (" Bass", "backing vocals", "dr", "b", "", "piano")] == [
        "bass", "backing_vocals", "drums", None, None, None,
    ]  # fmt: skip


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setitem(sys.modules, "reaper_python", types.ModuleType("reaper_python"))
    return importlib.import_module("reaper_scripts.acestep_reaper.state.settings")


@pytest.mark.parametrize("task", SCRIPTED)
def test_what_a_surface_sets_is_joined_to_each_request_or_named(task):
    everything = dict.fromkeys({*control_fields(), *NOT_OF_A_SURFACE}, 1)
    taken = set(surface.of_task(everything, task))
    held = set(fields_of(TASKS[task]))
    assert taken <= held
    left = (held & set(control_fields())) - taken
    without = set() if "match_loudness" in held else WITHOUT_SEAM
    assert left <= LEFT_OUT | without and not LEFT_OUT & taken


def test_each_task_has_its_list_or_is_named():
    assert set(surface._OF_TASK) == set(SCRIPTED)


def test_every_control_is_taken_by_some_task_or_named():
    assert set(control_fields()) - set(surface.NAMES) == LEFT_OUT
    assert set(surface.NAMES) - set(control_fields()) == NOT_OF_A_SURFACE


@pytest.mark.parametrize("task", SCRIPTED)
def test_what_settings_fill_is_a_field_of_the_request(settings, task):
    values = dict(settings.DEFAULTS, tags="house", steps="5", seed="1", model="nano")
    filled = set(settings.request_fields(values, task))
    filled -= {"tags"} if task == "prompt-to-audio" else set()  # the action removes them: the prompt gives them
    assert filled <= set(fields_of(TASKS[task]))
    assert {"number_of_steps", "seed", "variations", "model"} <= filled


def test_the_ranges_of_settings_are_within_those_of_the_fields(settings):
    fields = {name: field for request in TASKS.values() for name, field in fields_of(request).items()}
    named = {setting: field for setting, field, _ in settings._REQUEST_FIELDS}
    for setting, (low, high) in settings._RANGES.items():
        field = fields[named.get(setting, setting)]
        assert field.minimum is None or low >= field.minimum, setting
        assert field.maximum is None or high <= field.maximum, setting
