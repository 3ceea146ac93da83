"""Every request field against every family: it moves what is made, or the result or an error says that it does not.

Renders are of the tiny checkpoints, with a step or two. A field that the request has and that is neither here nor of
the job fails the test, so a new one has to take its place.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.errors import InvalidRequest
from engine.families.facts import Facts, unread_words
from engine.families.table import facts_of
from engine.grid.tempo_map import TempoPoint
from engine.model import Model, load
from engine.requests import TASKS, fields_of, from_dict, resolve
from tests.support.golden15_runs import OURS
from tests.support.paths import NANO, TINY

OWN = OURS / "tiny_checkpoint"
FAMILIES = {"v1": TINY, "nano": NANO, "turbo": OWN / "turbo", "base": OWN / "base"}
OF_THE_JOB = {"model", "priority", "request_id", "client_data", "original_seed"}  # the last is recorded only
OF_THE_FILE = {"format", "bit_depth"}  # how the result is written
OF_THE_SOURCE = {"audio", "channels", "original_tags"}  # the first moves every task; the last is required
MORE_RESULTS = {"variations", "candidates"}
OF_THE_EFFECTS = {"effects", "effects_tail"}  # after every family alike
OF_THE_PROMPT = {"instrumental"}  # for what writes tags and lyrics
OF_THE_SEAM = {
    "joint_search_seconds",
    "pin_joints",
    "match_tempo",
    "match_loudness",
    "match_tone",
    "reuse_latents",
}  # after every family alike
RATE = 48000


def music(seconds: float = 1.2) -> engine.Audio:
    t = np.arange(round(seconds * RATE)) / RATE
    noise = 0.02 * np.random.default_rng(3).standard_normal(t.size)
    return engine.Audio(np.stack([0.3 * np.sin(2 * np.pi * f * t) + noise for f in (220.0, 331.0)]).astype("f4"), RATE)


TEXT = {"task": "text-to-audio", "tags": "house, 120 bpm", "lyrics": "[verse]\nla la la", "duration": 0.3}
PROMPT = {"task": "prompt-to-audio", "prompt": "a house track with vocals", "duration": 0.3}
RETAKE = {**TEXT, "task": "retake", "retake_seed": 5}
SOURCE = {"audio": music(), "tags": "house"}
PLAIN = {"output": "clip", "match_loudness": False, "match_tempo": "off"}
INPAINT = {**SOURCE, "task": "inpaint", "start_time": 0.5, "end_time": 0.8, "context_seconds": 0.3, **PLAIN}
OUTPAINT = {**SOURCE, "task": "outpaint", "extend_after_duration": 0.4, "context_seconds": 0.5, **PLAIN}
EDIT = {**SOURCE, "task": "audio-to-audio", "original_tags": "jazz", "number_of_steps": 4}
LEGO = {**SOURCE, "task": "lego", "track": "bass", "start_time": 0.5, "end_time": 0.8}
COMPLETE = {**SOURCE, "task": "complete", "tracks": ["bass"]}
POINTS = [TempoPoint(time=0.0, bpm=90.0)]

# a field's other value, in a request that it should move
TRIED: dict[str, tuple[dict[str, Any], Any]] = {
    "number_of_steps": (TEXT, 3), "seed": (TEXT, 8), "scheduler": (TEXT, "heun"), "guidance_type": (TEXT, "cfg"),
    "granularity_scale": (TEXT, 30.0), "guidance_interval": (TEXT, 0.0), "guidance_scale": (TEXT, 3.0),
    "guidance_interval_decay": ({**TEXT, "guidance_interval": 1.0, "guidance_scale": 9.0}, 1.0),
    "minimum_guidance_scale": (
        {**TEXT, "guidance_interval": 1.0, "guidance_interval_decay": 1.0, "guidance_scale": 9.0}, 1.5,
    ),
    "tag_guidance_scale": ({**TEXT, "lyric_guidance_scale": 2.0}, 3.0),
    "lyric_guidance_scale": ({**TEXT, "tag_guidance_scale": 3.0}, 4.0),
    "key": (TEXT, "F# minor"), "tempo": ({**TEXT, "tags": "house"}, 97.0),
    "meter": ({**TEXT, "tags": "house", "tempo": 120.0}, "3/4"),
    "downbeat_time": ({**TEXT, "tags": "house", "tempo": 120.0}, 0.2),
    "tempo_map": ({**TEXT, "tags": "house"}, POINTS),
    "sample_rate": (TEXT, 22050), "language": (TEXT, "de"), "lora": (TEXT, ["nowhere"]),
    "lora_weight": ({**TEXT, "lora": ["nowhere"]}, [0.5]), "retake_seed": (RETAKE, 6),
    "erg_tag": (TEXT, False), "erg_lyric": (TEXT, False), "erg_diffusion": (TEXT, False),
    "oss_steps": (TEXT, [1, 4]), "reference_audio": (TEXT, music(0.7)), "shift": (TEXT, 2.0),
    "lyrics": (TEXT, "[verse]\noh no"), "tags": (TEXT, "jazz, 97 bpm"), "duration": (TEXT, 0.5),
    "prompt": (PROMPT, "slow jazz"),
    "context_lyrics_before": (INPAINT, "la la la"), "context_lyrics_after": (INPAINT, "la la la"),
    "context_seconds": (INPAINT, 0.1), "crossfade_seconds": (INPAINT, 0.1), "output": (INPAINT, "full"),
    "start_time": (INPAINT, 0.4), "end_time": (INPAINT, 0.9),
    "start_time_relative_to": ({**INPAINT, "end_time": 0.9}, "end"),
    "end_time_relative_to": ({**INPAINT, "start_time": 0.2, "end_time": 0.5}, "end"), "variance": (INPAINT, 1.0),
    "extend_before_duration": (OUTPAINT, 0.3), "extend_after_duration": (OUTPAINT, 0.3),
    "edit_mode": (EDIT, "lyrics"), "original_lyrics": ({**EDIT, "edit_mode": "lyrics"}, "la la"),
    "strength": ({**EDIT, "edit_mode": "reference"}, 0.2),
    "edit_n_min": ({**EDIT, "edit_mode": "lyrics"}, 0.1), "edit_n_max": ({**EDIT, "edit_mode": "lyrics"}, 0.8),
    "edit_n_avg": ({**EDIT, "edit_mode": "lyrics"}, 2), "track": (LEGO, "drums"), "tracks": (COMPLETE, ["drums"]),
}  # fmt: skip


# nano shares v1's code and turbo base's: of them only what they have of their own is tried
OF_NANO = ("key", "tempo", "meter", "downbeat_time", "tempo_map", "language", "lyrics", "erg_tag", "erg_lyric")
OF_TURBO = ("shift", "number_of_steps", *(name for name in TRIED if "guidance" in name))
# the tiny v1 has no vocabulary of lyrics: its goldens show these
OF_SINGING = {"lyrics", "language", "lyric_guidance_scale", "original_lyrics", "context_lyrics_before"}
OF_SINGING |= {"context_lyrics_after"}
ONLY = {"nano": OF_NANO, "turbo": OF_TURBO, "v1": set(TRIED) - OF_SINGING}


@cache
def model(family: str) -> Model:
    return load(FAMILIES[family], device="cpu")


@cache
def facts(family: str) -> Facts:
    return facts_of(FAMILIES[family])


def made(family: str, request: dict[str, Any]) -> engine.Render:
    lyrics = {"lyrics": ""} if family == "v1" and "lyrics" in request else {}
    return model(family).render(from_dict({"seed": 7, "number_of_steps": 2, **request, **lyrics}))


_KEPT: dict[str, engine.Render] = {}


def before(family: str, request: dict[str, Any]) -> engine.Render:
    """What the request gives without the field; once for all that share it."""
    name = family + repr(request)
    if name not in _KEPT:
        _KEPT[name] = made(family, request)
    return _KEPT[name]


def test_every_field_has_its_place() -> None:
    every = {name for task in TASKS.values() for name in fields_of(task)}
    assert (
        every - OF_THE_EFFECTS
        == set(TRIED) | OF_THE_JOB | OF_THE_FILE | OF_THE_SOURCE | MORE_RESULTS | OF_THE_SEAM | OF_THE_PROMPT
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_field_moves_the_result_or_is_said(family: str) -> None:
    tried = {name: TRIED[name] for name in TRIED if name in ONLY.get(family, TRIED)}
    silent = [name for name, (request, value) in tried.items() if _is_silent(family, name, request, value)]
    assert silent == [], silent


def _is_silent(family: str, name: str, request: dict[str, Any], value: Any) -> bool:
    if request["task"] not in facts(family).tasks:
        return False  # the task is refused with words: another test
    given = {"seed": 7, "number_of_steps": 2, **request, name: value}
    if any(name in words for words in unread_words(resolve(from_dict(given)), facts(family))):
        return False
    try:
        result = made(family, {**request, name: value})
    except (InvalidRequest, engine.CheckpointError) as error:
        return name not in str(error) and "LoRA" not in str(error)
    if any(name in words for words in result.report["warnings"]):
        return False
    return bool(np.array_equal(before(family, request).audio, result.audio))


@pytest.mark.parametrize("mode", ["remix", "lyrics", "reference"])
@pytest.mark.parametrize("family", ["v1", "turbo"])
def test_fields_of_one_edit_mode_are_said_in_the_others(family: str, mode: str) -> None:
    asked = {**EDIT, "edit_mode": mode}
    other = {"strength": 0.3, "edit_n_min": 0.3, "edit_n_max": 0.7, "edit_n_avg": 2, "original_lyrics": "la la la"}
    sung = OF_SINGING if family == "v1" else set()
    silent = [name for name, value in other.items() if name not in sung and _is_silent(family, name, asked, value)]
    assert silent == [], silent


@pytest.mark.parametrize("family", ["v1", "nano"])
def test_a_clip_is_refused_by_models_that_read_none(family: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"reference_audio: got a value, expected nothing: .* ACE-Step 1.5 does"):
        made(family, {**TEXT, "reference_audio": music(0.7)})
