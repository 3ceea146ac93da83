"""Presets of effects: a chain as JSON, under a name in a folder or at a path. Who may name files. Knows no socket.

A plug-in is a program: whoever names one has it run here. So clients of other machines and of HTTP may name
pedalboard's own effects and this machine's presets, but no file, wherever it lies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import UNSET, structs

from bridge.protocol.errors import refused
from engine.effects.effect import Effect, read_effects, to_json
from engine.errors import InvalidRequest
from engine.requests import Request

_FORBIDDEN = frozenset('/\\:*?"<>|\0')
_ENDING = ".json"


def preset_folder(home: Path) -> Path:
    """Where presets of effects lie: NAME.json."""
    return home / "effects"


def preset_names(folder: Path) -> list[str]:
    """Names in alphabetical order."""
    return sorted(path.stem for path in folder.glob(f"*{_ENDING}")) if folder.is_dir() else []


def with_presets(request: Request, folder: Path, is_local: bool) -> Request:
    """The request with its presets replaced by what they hold. Raises InvalidRequest, InvalidField (forbidden_path)."""
    given: Any = request.effects
    if given is UNSET:
        return request
    if not is_local:
        check_no_paths(given)
    chain = chain_of(given, folder)
    for number, effect in enumerate(chain):
        _check_there(f"effects[{number}].plugin", effect.plugin)
        _check_there(f"effects[{number}].state", effect.state)
    return structs.replace(request, effects=to_json(chain))


def chain_of(items: Iterable[Any], folder: Path) -> tuple[Effect, ...]:
    """Effects and names of presets as one chain. Raises InvalidRequest."""
    chain: list[Any] = []
    for item in items:
        chain += _preset(item, folder) if isinstance(item, str) else [item]
    return read_effects(chain)


def check_no_paths(items: Any) -> None:
    """Raises InvalidField (forbidden_path) for a chain that names a plug-in, a state or a preset by its path."""
    for number, item in enumerate(items):
        told = item if isinstance(item, dict) else to_json([item])[0] if isinstance(item, Effect) else {"preset": item}
        for name in ("plugin", "state", "preset"):
            text = str(told.get(name) or "")
            if name == "preset" and not _FORBIDDEN & set(text):
                continue
            if text:
                remedy = "Let the machine's user keep the chain as a preset, and give its name."
                expected = "effects of pedalboard, or presets of this machine by name"
                raise refused("forbidden_path", f"effects[{number}].{name}", "the path of a file", expected, remedy)


def _preset(name: str, folder: Path) -> list[Any]:
    """What a preset holds; the path of a state may be relative to it."""
    path = Path(name) if Path(name).is_absolute() else folder / f"{name}{_ENDING}"
    if not Path(name).is_absolute() and (_FORBIDDEN & set(name) or not name.strip(". ")):
        raise _unknown(name, folder)
    try:
        held = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _unknown(name, folder) from error
    except (ValueError, RecursionError) as error:
        remedy = "Correct the file; `acestep-bridge effects check` tries it."
        raise InvalidRequest("effects", f"{path.name}, which is no JSON ({error})", "a preset", remedy) from error
    items = held.get("effects") if isinstance(held, dict) else held
    if not isinstance(items, list):
        raise InvalidRequest("effects", f"{path.name} without a list", "a JSON list of effects", "Correct the file.")
    return [_beside(item, path.parent) for item in items]


def _beside(item: Any, folder: Path) -> Any:
    state = item.get("state") if isinstance(item, dict) else None
    return {**item, "state": str(folder / state)} if isinstance(state, str) and state else item


def _unknown(name: str, folder: Path) -> InvalidRequest:
    known = ", ".join(preset_names(folder)) or "none yet"
    remedy = f"Keep a chain as {folder.name}/NAME{_ENDING} in the product's folder; `acestep-bridge effects list`."
    return InvalidRequest("effects", repr(name[:60]), f"the name of a preset ({known})", remedy)


def _check_there(field: str, text: str) -> None:
    if text and not Path(text).exists():
        raise InvalidRequest(
            field, f"{Path(text).name}, which is not there", "a file of this machine", "Check the path."
        )
