"""From the recipe inside a clip to a request that makes it again, changed or as a retake. Knows no daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.cli.request_options import SOURCE, value_of, values_from
from engine.errors import InvalidRequest
from engine.requests import TASKS, Request, Retake, TextToAudio, fields_of, from_dict, request_of

RETAKEN = (TextToAudio.task, Retake.task, "prompt-to-audio")


def recipe_in(path: Path) -> dict[str, Any]:
    """The recipe that a clip holds. Raises `InvalidRequest` for a file without one, or that is no audio."""
    from engine.audio.files import probe
    from engine.audio.metadata import read_recipe

    probe(path)
    made = read_recipe(path)
    if made is None or not isinstance(made.get("request"), dict) or not isinstance(made.get("model"), dict):
        raise InvalidRequest(
            "audio",
            f"{path.name}, which holds no recipe",
            "a clip that was made here (wav, flac, mp3 or ogg with its recipe inside)",
            "To start from other audio: acestep-bridge audio-to-audio SRC --edit-mode reference.",
        )
    return made


def retake_of(path: Path, options: Mapping[str, Any]) -> Request:
    """The retake of a clip: its recipe's values, the options on top. Raises `InvalidRequest`."""
    recipe = recipe_in(path)
    task = recipe["request"].get("task")
    if task not in RETAKEN:
        raise InvalidRequest(
            "audio",
            f"a clip made by {task}",
            "a clip made from tags alone (text-to-audio or retake)",
            f"For another take: acestep-bridge again {path.name} --seed N -o OUT.",
        )
    names = fields_of(Retake)
    values = {name: value for name, value in recipe["request"].items() if name in names and name != "variance"}
    values.pop("retake_seed", None)
    values["model"] = recipe["model"].get("name")
    return from_dict({**values, "task": Retake.task, **values_from(Retake.task, dict(options))})


def again_of(path: Path, seed: int | None, changes: Sequence[str], source: str | None) -> Request:
    """The request that makes a clip again, with changes `name=value`. Raises `InvalidRequest`."""
    recipe = recipe_in(path)
    task = recipe["request"].get("task")
    if task not in TASKS:
        raise InvalidRequest("task", repr(task), "one of " + ", ".join(TASKS), "Update acestep-bridge.")
    changed = changes_of(task, changes)
    if seed is not None:
        changed["seed"] = seed
        if task != Retake.task and "retake_seed" not in changed:
            changed["retake_seed"] = None  # derived again from the seed
    if SOURCE in fields_of(TASKS[task]) and SOURCE not in changed:
        changed[SOURCE] = _source(recipe, source)
    return request_of(recipe, **changed)


def changes_of(task: str, changes: Sequence[str]) -> dict[str, Any]:
    """The fields that `name=value` words change. Raises `InvalidRequest`."""
    fields, changed = fields_of(TASKS[task]), {}
    for change in changes:
        name, equals, text = change.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not equals:
            raise InvalidRequest("--set", repr(change), "name=value", "Say, for example, --set variance=0.8.")
        if name not in fields:
            raise InvalidRequest(name, "an unknown field", f"a field of {task}", f"See acestep-bridge {task} --help.")
        changed[name] = value_of(fields[name], text)
    return changed


def _source(recipe: Mapping[str, Any], source: str | None) -> str:
    if source is not None:
        return str(value_of(fields_of(TASKS["inpaint"])[SOURCE], source))
    raise InvalidRequest(
        SOURCE,
        "no source",
        f"the file that the clip was made from (SHA-256 of its audio: {recipe.get('source_sha256', 'unknown')})",
        "Name it with --audio FILE.",
    )
