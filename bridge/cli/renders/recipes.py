"""From the recipe inside a clip to a request that makes it again, changed or as a retake. Knows no daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.cli.options.request_options import NOT_PATHS, SOURCE, value_of, values_from
from bridge.cli.renders.model_search import model_of, other_model
from engine.errors import InvalidRequest
from engine.requests import FROM_WORDS, TASKS, Request, Retake, fields_of, from_dict, request_of
from engine.requests.recipe import HASHES, batch_request_of

CLIP = "reference_audio"
SAME_SOUND = frozenset({SOURCE, "model", "format", "bit_depth", "sample_rate"})  # may change within a batch


def recipe_in(path: Path) -> dict[str, Any]:
    """The recipe that a clip holds. Raises `InvalidRequest` for a file without one, or that is no audio."""
    from engine.audio.files import probe
    from engine.audio.metadata import read_recipe

    probe(path)
    recipe = read_recipe(path)
    if recipe is None or not isinstance(recipe.get("request"), dict) or not isinstance(recipe.get("model"), dict):
        raise InvalidRequest(
            "audio",
            f"{path.name}, which holds no recipe",
            "a clip that was made here (wav, flac, mp3 or ogg with its recipe inside)",
            "To start from other audio: acestep-bridge audio-to-audio SRC --edit-mode reference.",
        )
    return recipe


def retake_of(path: Path, options: Mapping[str, Any]) -> Request:
    """The retake of a clip: its recipe's values, the options on top. Raises `InvalidRequest`."""
    recipe = recipe_in(path)
    task = recipe["request"].get("task")
    if task not in FROM_WORDS:
        raise InvalidRequest(
            "audio",
            f"a clip made by {task}",
            "a clip made from tags alone (text-to-audio or retake)",
            f"For another take: acestep-bridge again {path.name} --seed N -o OUT.",
        )
    names = fields_of(Retake)
    values = {name: value for name, value in recipe["request"].items() if name in names and name != "variance"}
    values.pop("retake_seed", None)
    if options.get("model") is None:
        values["model"] = model_of(recipe)[0]
    if CLIP not in options or options[CLIP] is None:
        values |= _clip(path, recipe)[0]
    return from_dict({**values, "task": Retake.task, **values_from(Retake.task, dict(options))})


@dataclass(frozen=True)
class Again:
    """The request that makes a clip again; `item` is the variation that the clip was, where it renders its batch."""

    request: Request
    item: int | None = None
    notes: tuple[str, ...] = ()


def again_of(path: Path, seed: int | None, changes: Sequence[str], source: str | None) -> Again:
    """How a clip is made again, with changes `name=value`. Raises `InvalidRequest`.

    What has the same sound is made in the batch that the clip came from, and so is the same to the last bit.
    """
    recipe = recipe_in(path)
    task = recipe["request"].get("task")
    if task not in TASKS:
        raise InvalidRequest("task", repr(task), "one of " + ", ".join(TASKS), "Update acestep-bridge.")
    changed = changes_of(task, changes)
    if seed is not None:
        changed["seed"] = seed
        if task != Retake.task and "retake_seed" not in changed:
            changed["retake_seed"] = None  # derived again from the seed
    same_sound = not set(changed) - SAME_SOUND
    notes = other_model(recipe, str(changed["model"])) if "model" in changed else ()
    if "model" not in changed:
        changed["model"], notes = model_of(recipe)
    if SOURCE in fields_of(TASKS[task]) and SOURCE not in changed:
        changed[SOURCE], told = _source(path, recipe, source)
        notes = (*notes, *told)
    if CLIP not in changed:
        clip, told = _clip(path, recipe)
        changed, notes = {**changed, **clip}, (*notes, *told)
    if same_sound and recipe.get("batch") is not None:
        return Again(*batch_request_of(recipe, **changed), notes)
    return Again(request_of(recipe, **changed), None, notes)


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


def _source(clip: Path, recipe: Mapping[str, Any], named: str | None) -> tuple[str, tuple[str, ...]]:
    """The source as a request names it, and what to say about it: as named, else found by its hash."""
    sha256 = str(recipe.get("source_sha256") or "")
    if named is not None:
        audio = str(value_of(fields_of(TASKS["inpaint"])[SOURCE], named))
        return audio, _if_other(audio, sha256)
    from bridge.cli.renders.source_search import Found, find_source

    search = find_source(clip, sha256) if sha256 else Found(None)
    if search.path is not None:
        return search.reference, (f"The source is {search.path}.",)
    got = (
        f"no source: {search.changed} has changed since" if search.changed else "no source, and none found by its hash"
    )
    raise InvalidRequest(
        SOURCE,
        got,
        f"the file that the clip was made from (SHA-256 {sha256 or 'unknown'})",
        "Name it with --audio FILE; another file, or the changed one, may be named too and gives another clip.",
    )


def _clip(made: Path, recipe: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The reference clip that the recipe knows by its hash, as a field of the request, and what to say about it."""
    sha256 = str(recipe.get(HASHES[CLIP]) or "")
    if not sha256:
        return {}, ()
    from bridge.cli.renders.source_search import find_source

    found = find_source(made, sha256, CLIP)
    if found.path is not None:
        return {CLIP: found.reference}, (f"The reference clip is {found.path}.",)
    raise InvalidRequest(
        CLIP,
        "no clip, and none found by its hash",
        f"the file whose timbre the clip was made with (SHA-256 {sha256})",
        "Name it: --set reference_audio=FILE (retake: --reference-audio FILE).",
    )


def _if_other(audio: str, sha256: str) -> tuple[str, ...]:
    if not sha256 or audio.startswith(NOT_PATHS) or not Path(audio).is_file():
        return ()
    from bridge.files.store import hash_file

    if hash_file(Path(audio)) == sha256:
        return ()
    return (f"{Path(audio).name} is not what the clip was made from, or has changed since: the result differs.",)
