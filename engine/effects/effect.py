"""One effect of a chain as JSON, and its checks that need neither pedalboard nor the plug-in. Knows no process."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from engine.effects.built_in import BUILT_IN
from engine.errors import InvalidRequest

MOST_EFFECTS = 16
_EXPECTED = "an effect {name or plugin, parameters, state, plugin_name} or the name of a preset"


class Effect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """pedalboard's effect `name`, or the VST3 or AU at the path `plugin` (`plugin_name` where a file holds several).

    `state` is a .vstpreset file, loaded before `parameters` are set by their names.
    """

    name: str = ""
    plugin: str = ""
    plugin_name: str = ""
    parameters: dict[str, float | bool | str] = {}
    state: str = ""

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return self.name or self.plugin_name or Path(self.plugin).name


def read_effects(value: Any) -> tuple[Effect, ...]:
    """The chain that a request's `effects` describes. Raises `InvalidRequest` naming the effect, presets included."""
    if not isinstance(value, (list, tuple)) or len(value) > MOST_EFFECTS:
        got = f"{len(value)} effects" if isinstance(value, (list, tuple)) else repr(value)[:60]
        raise InvalidRequest("effects", got, f"a list of at most {MOST_EFFECTS} effects", "Shorten the chain.")
    effects = tuple(_read(f"effects[{n}]", item) for n, item in enumerate(value))
    for n, effect in enumerate(effects):
        _check(f"effects[{n}]", effect)
    return effects


def check_effects(value: Any) -> None:
    """As `read_effects`, where names of presets may still stand for what they hold."""
    parts = [item for item in value if not isinstance(item, str)] if isinstance(value, (list, tuple)) else value
    read_effects(parts)


def to_json(effects: Iterable[Effect]) -> list[Any]:
    """The chain as a JSON list."""
    return [msgspec.to_builtins(effect) for effect in effects]


def _read(where: str, item: Any) -> Effect:
    if isinstance(item, Effect):
        return item
    if isinstance(item, str):
        remedy = "Presets are found by the daemon and the commands; `acestep-bridge effects list` names them."
        raise InvalidRequest(where, f"the preset {item[:60]!r}, which was not looked up", _EXPECTED, remedy)
    try:
        return msgspec.convert(item, Effect)
    except msgspec.ValidationError as error:
        raise InvalidRequest(where, str(error), _EXPECTED, "Correct that effect.") from error


def _check(where: str, effect: Effect) -> None:
    if bool(effect.name) == bool(effect.plugin):
        got = "both name and plugin" if effect.name else "neither name nor plugin"
        raise InvalidRequest(where, got, _EXPECTED, "Give one of the two.")
    for name, value in effect.parameters.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRequest(f"{where}.parameters.{name}", repr(value), "a finite number", "Give a number.")
    if effect.name:
        _check_built_in(where, effect)
        return
    _check_path(f"{where}.plugin", effect.plugin, (".vst3", ".component"))
    if effect.state:
        _check_path(f"{where}.state", effect.state, (".vstpreset",))


def _check_built_in(where: str, effect: Effect) -> None:
    if effect.name not in BUILT_IN:
        raise InvalidRequest(f"{where}.name", repr(effect.name[:60]), *_near(effect.name, list(BUILT_IN)))
    if effect.state or effect.plugin_name:
        raise InvalidRequest(where, "a state or plugin_name", "parameters alone", "Those belong to plug-ins.")
    own = BUILT_IN[effect.name]
    for name, value in effect.parameters.items():
        field = f"{where}.parameters.{name}"
        if name not in own:
            raise InvalidRequest(field, "an unknown parameter", *_near(name, list(own)))
        if isinstance(value, str) or isinstance(value, bool) != isinstance(own[name], bool):
            raise InvalidRequest(field, repr(value), "true or false" if own[name] is False else "a number", "Give one.")


def _check_path(field: str, text: str, endings: tuple[str, ...]) -> None:
    path = Path(text)
    if not path.is_absolute() or path.suffix.lower() not in endings or "\0" in text:
        expected = f"a whole path that ends in {' or '.join(endings)}"
        raise InvalidRequest(field, repr(text[:80]), expected, "Name the file or bundle with its whole path.")


def _near(name: str, known: list[str]) -> tuple[str, str]:
    """What is expected, and what to do."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    expected = "one of " + ", ".join(known) if known else "no parameter"
    return expected, f"Did you mean {near[0]}?" if near else "`acestep-bridge effects show NAME` lists them."
