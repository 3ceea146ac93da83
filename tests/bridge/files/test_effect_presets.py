"""Presets of effects by name, and who may name files: plug-ins are programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.files.effect_presets import preset_names, with_presets
from bridge.protocol.errors import InvalidField
from engine.errors import InvalidRequest
from engine.requests import TextToAudio

REVERB = {"name": "Reverb", "parameters": {"room_size": 0.2}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "warm.json").write_text(json.dumps([REVERB]))
    (tmp_path / "hall.json").write_text(json.dumps({"effects": [{"name": "Gain"}, REVERB]}))
    (tmp_path / "no.json").write_text("[")
    (tmp_path / "words.json").write_text('"warm"')
    plugin = {"plugin": str(tmp_path / "x.vst3"), "state": "x.vstpreset"}
    (tmp_path / "mine.json").write_text(json.dumps([plugin]))
    return tmp_path


def _asked(*effects: object) -> TextToAudio:
    return TextToAudio(tags="house", effects=list(effects))


def test_names_stand_for_what_they_hold(folder: Path) -> None:
    made = with_presets(_asked("warm", {"name": "Gain"}, "hall"), folder, is_local=False)
    assert made.effects == [REVERB, {"name": "Gain"}, {"name": "Gain"}, REVERB]
    assert preset_names(folder) == ["hall", "mine", "no", "warm", "words"]
    assert with_presets(_asked(str(folder / "warm.json")), folder, is_local=True).effects == [REVERB]


def test_a_preset_may_name_a_plugin_that_is_there_with_its_state_beside_it(folder: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"x\.vst3, which is not there"):
        with_presets(_asked("mine"), folder, is_local=False)
    (folder / "x.vst3").mkdir()
    (folder / "x.vstpreset").touch()
    (effect,) = with_presets(_asked("mine"), folder, is_local=False).effects
    assert effect == {"plugin": str(folder / "x.vst3"), "state": str(folder / "x.vstpreset")}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cold", r"'cold', expected the name of a preset \(hall, mine"),
        ("../warm", "the name of a preset"),
        ("", "the name of a preset"),
        ("no", "no JSON"),
        ("words", "without a list"),
    ],
)
def test_a_preset_that_is_none_is_refused(folder: Path, name: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        with_presets(_asked(name), folder, is_local=True)


@pytest.mark.parametrize(
    "effect",
    [
        {"plugin": "/opt/x.vst3"},
        {"name": "Gain", "plugin": "/opt/x.vst3"},
        {"plugin": "/opt/x.vst3", "state": "/opt/x.vstpreset"},
    ],
)
def test_other_machines_name_no_plugin_by_its_path_wherever_it_lies(folder: Path, effect: dict[str, str]) -> None:
    from bridge.files.effect_presets import check_no_paths

    with pytest.raises(InvalidField, match="the path of a file") as caught:
        check_no_paths([effect])
    assert caught.value.code == "forbidden_path"
    with pytest.raises(InvalidField):
        with_presets(_asked("../warm"), folder, is_local=False)
    with pytest.raises(InvalidField):
        with_presets(_asked(str(folder / "warm.json")), folder, is_local=False)
