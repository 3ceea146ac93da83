"""The requests: one definition, its checks, its defaults, its JSON forms. Needs no torch."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from engine.constants import SEED_MODULUS
from engine.errors import InvalidRequest
from engine.requests import (
    TASKS,
    AudioToAudio,
    Inpaint,
    ModelIdentity,
    Outpaint,
    Retake,
    TempoPoint,
    TextToAudio,
    derive_retake_seed,
    fields_of,
    fields_table,
    from_dict,
    json_schema,
    recipe,
    request_of,
    resolve,
    to_dict,
)

INPAINT = {"task": "inpaint", "audio": "song.wav", "tags": "house"}

API_DEFAULTS = {
    "number_of_steps": 27,
    "scheduler": "euler",
    "guidance_type": "apg",
    "granularity_scale": 10,
    "guidance_interval": 0.5,
    "guidance_interval_decay": 0,
    "guidance_scale": 15,
    "minimum_guidance_scale": 3,
    "tag_guidance_scale": 5,
    "lyric_guidance_scale": 1.5,
    "variations": 1,
    "candidates": 1,
    "context_seconds": 10,
    "crossfade_seconds": 0.03,
    "match_loudness": True,
    "output": "full",
    "variance": 0.5,
    "lyrics": "",
    "start_time": 0,
    "priority": 0,
}


def test_the_defaults_are_the_public_apis():
    full = resolve(from_dict(INPAINT)).request
    assert {name: getattr(full, name) for name in API_DEFAULTS} == API_DEFAULTS
    assert full.end_time is UNSET  # depends on the audio
    assert resolve(TextToAudio(tags="house")).request.duration == 60


@pytest.mark.parametrize(
    ("change", "field", "got", "expected"),
    [
        ({"number_of_steps": 0}, "number_of_steps", "0", "from 1 to 200"),
        ({"number_of_steps": 2.5}, "number_of_steps", "2.5", "a whole number"),
        ({"number_of_steps": True}, "number_of_steps", "True", "a whole number"),
        ({"scheduler": "eulr"}, "scheduler", "'eulr'", "one of euler, heun, "),
        ({"guidance_type": "none"}, "guidance_type", "'none'", "one of apg, cfg, cfg_star"),
        ({"variance": math.nan}, "variance", "nan", "from 0 to 1"),
        ({"variance": math.inf}, "variance", "inf", "from 0 to 1"),
        ({"start_time": math.nan}, "start_time", "nan", "a number"),
        ({"guidance_scale": 201}, "guidance_scale", "201", "from 0 to 200"),
        ({"granularity_scale": -101}, "granularity_scale", "-101", "from -100 to 100"),
        ({"seed": -1}, "seed", "-1", "from 0 to 2147483647"),
        ({"seed": 2**31}, "seed", "2147483648", "from 0 to 2147483647"),
        ({"variations": 17}, "variations", "17", "from 1 to 16"),
        ({"context_seconds": 121}, "context_seconds", "121", "from 0 to 120"),
        ({"crossfade_seconds": 1.5}, "crossfade_seconds", "1.5", "from 0 to 1"),
        ({"tags": "  "}, "tags", "no tags", "at least one tag"),
        ({"tags": 3}, "tags", "3", "text"),
        ({"tags": None}, "tags", "nothing", "text"),
        ({"audio": ""}, "audio", "''", "a path"),
        ({"varance": 1}, "varance", "unknown", "a field of inpaint"),
        ({"meter": "4"}, "meter", "'4'", "4/4"),
        ({"tempo_map": [{"time": 0}]}, "tempo_map", "bpm", "a list of"),
        ({"tempo_map": []}, "tempo_map", "no points", "at least one"),
        ({"tempo_map": [{"time": 0, "bpm": 0}]}, "tempo_map[0].bpm", "0", "from 1 to 1000"),
        ({"client_data": {"x": "y" * 17000}}, "client_data", "bytes", "at most 16384"),
        ({"client_data": [1]}, "client_data", "[1]", "a JSON object"),
        ({"oss_steps": [3, 2]}, "oss_steps", "[3, 2]", "rising"),
        ({"lora": ["a"], "lora_weight": [1.0, 2.0]}, "lora_weight", "[1.0, 2.0]", "1 finite"),
        ({"task": "inpant"}, "task", "'inpant'", "one of text-to-audio"),
    ],
)
def test_bad_values_name_the_field_what_was_got_and_what_is_expected(change, field, got, expected):
    with pytest.raises(InvalidRequest) as caught:
        from_dict({**INPAINT, **change})
    error = caught.value
    assert error.field == field
    assert got in error.got
    assert expected in error.expected
    assert error.remedy
    assert str(error).startswith(f"{field}: got ")


def test_an_unknown_field_proposes_the_nearest():
    with pytest.raises(InvalidRequest, match="Did you mean variance"):
        from_dict({**INPAINT, "varance": 1})


def test_outpaint_by_nothing_is_an_error():
    with pytest.raises(InvalidRequest, match="extend_after_duration"):
        Outpaint(audio="a", tags="house", extend_after_duration=0)
    assert Outpaint(audio="a", tags="house", extend_after_duration=0, extend_before_duration=2)


def test_python_construction_is_checked_too():
    with pytest.raises(InvalidRequest, match="variance"):
        Inpaint(audio="a", tags="house", variance=2)


def test_null_means_the_whole_file_for_context_and_not_given_elsewhere():
    request = from_dict({**INPAINT, "context_seconds": None, "seed": None})
    assert request.context_seconds is None
    assert request.seed is UNSET
    assert resolve(request).request.context_seconds is None


def test_the_models_own_defaults_stand_between_the_request_and_the_api():
    resolved = resolve(Inpaint(audio="a", tags="x", number_of_steps=8), {"guidance_scale": 2.5, "number_of_steps": 14})
    assert resolved.request.guidance_scale == 2.5
    assert resolved.request.number_of_steps == 8
    assert not resolved.double_guidance


@pytest.mark.parametrize(
    ("given_fields", "double", "warned"),
    [
        ({}, True, False),
        ({"guidance_scale": 7.0}, False, False),
        ({"guidance_type": "cfg"}, False, False),
        ({"tag_guidance_scale": 4.0}, True, False),
        ({"tag_guidance_scale": 4.0, "guidance_scale": 7.0}, True, True),
        ({"tag_guidance_scale": 1.0, "guidance_scale": 7.0}, False, True),
        ({"tag_guidance_scale": 0.0}, False, False),
    ],
)
def test_which_guidance_is_used(given_fields, double, warned):
    resolved = resolve(TextToAudio(tags="x", **given_fields))
    assert resolved.double_guidance is double
    assert bool(resolved.warnings) is warned


@given(st.integers(0, SEED_MODULUS - 1))
def test_the_retake_seed_is_derived_in_range_and_never_the_seed(seed):
    derived = derive_retake_seed(seed)
    assert 0 <= derived < SEED_MODULUS
    assert derived != seed


def test_each_item_has_its_own_seeds():
    resolved = resolve(TextToAudio(tags="x", seed=SEED_MODULUS - 1, variations=2, candidates=2))
    assert resolved.seeds == (SEED_MODULUS - 1, 0, 1, 2)
    assert resolved.retake_seeds == tuple(derive_retake_seed(s) for s in resolved.seeds)
    given_retake = resolve(TextToAudio(tags="x", seed=5, retake_seed=9, variations=3))
    assert given_retake.retake_seeds == (9, 10, 11)
    retake = resolve(Retake(tags="x", seed=5, retake_seed=9, variations=3))
    assert retake.seeds == (5, 5, 5)
    assert retake.retake_seeds == (9, 10, 11)


def test_flow_edit_ranges_follow_the_mode():
    lyrics = resolve(AudioToAudio(audio="a", tags="x", original_tags="y", edit_mode="lyrics")).request
    assert (lyrics.edit_n_min, lyrics.edit_n_max) == (0.6, 1.0)
    remix = resolve(AudioToAudio(audio="a", tags="x", original_tags="y")).request
    assert (remix.edit_n_min, remix.edit_n_max) == (0.2, 0.4)
    with pytest.raises(InvalidRequest, match="edit_n_min"):
        resolve(AudioToAudio(audio="a", tags="x", original_tags="y", edit_n_min=0.9))


def test_a_model_may_prefer_another_flow_edit_range_for_a_mode():
    model = {"edit_ranges": {"remix": [0.0, 0.1]}}
    remix = resolve(AudioToAudio(audio="a", tags="x", original_tags="y"), model).request
    assert (remix.edit_n_min, remix.edit_n_max) == (0.0, 0.1)
    given = resolve(AudioToAudio(audio="a", tags="x", original_tags="y", edit_n_max=0.3), model).request
    assert (given.edit_n_min, given.edit_n_max) == (0.0, 0.3)
    lyrics = resolve(AudioToAudio(audio="a", tags="x", original_tags="y", edit_mode="lyrics"), model).request
    assert (lyrics.edit_n_min, lyrics.edit_n_max) == (0.6, 1.0)


@pytest.mark.parametrize("task", TASKS)
def test_requests_survive_json_and_the_schema_names_every_field(task):
    samples = {"audio": "a.wav", "tags": "house", "original_tags": "rock", "prompt": "a song", "task": task}
    samples |= {"track": "bass", "tracks": ["bass", "drums"]}
    names = fields_of(TASKS[task])
    request = from_dict({k: v for k, v in samples.items() if k in names or k == "task"})
    assert from_dict(json.loads(json.dumps(to_dict(request)))) == request
    schema = json_schema(task)
    assert set(schema["properties"]) == {"task", *names}
    assert all(f.description for f in names.values())


def test_tempo_maps_survive_json():
    request = from_dict({**INPAINT, "tempo_map": [{"time": -1, "bpm": 120}, {"time": 4.0, "bpm": 90, "numerator": 3}]})
    assert request.tempo_map[0] == TempoPoint(time=-1, bpm=120)
    assert from_dict(to_dict(request)) == request


def test_the_table_of_fields_has_a_row_a_field():
    names = {name for request_type in TASKS.values() for name in fields_of(request_type)}
    assert fields_table().count("\n") == len(names) + 1


def test_a_recipe_makes_the_same_request_again():
    request = Inpaint(audio="a.wav", tags="house", start_time=1, end_time=2, variations=2, client_data={"t": 1})
    resolved = resolve(request, {"guidance_scale": 2.5})
    made = recipe(resolved, 1, ModelIdentity("nano", "00"), source_sha256="11")
    assert json.loads(json.dumps(made)) == made
    assert not {"audio", "client_data", "priority", "request_id"} & set(made["request"])
    again = resolve(request_of(made, audio="a.wav"))
    assert (again.seeds, again.retake_seeds) == ((resolved.seeds[1],), (resolved.retake_seeds[1],))
    assert again.double_guidance == resolved.double_guidance
    assert recipe(again, 0, ModelIdentity("nano", "00"), source_sha256="11") == made
    with pytest.raises(InvalidRequest, match="recipe"):
        request_of({**made, "recipe": 99}, audio="a")
