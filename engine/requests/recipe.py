"""The recipe: everything that determines the sound of a result (no clock, job, path or timing).

Of what came out it holds `fades` only, where there are any: places [first, last) in seconds of the result, so that its
file says which of its samples are the source's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, structs

from engine.errors import InvalidRequest
from engine.requests.fields import audio_fields
from engine.requests.json_objects import from_dict, to_dict
from engine.requests.resolve import NOT_RESOLVED, Resolved
from engine.requests.types import Request

RECIPE_VERSION = 1
HASHES = {"audio": "source_sha256", "reference_audio": "reference_sha256"}  # fields that a recipe knows by hash alone


@dataclass(frozen=True)
class ModelIdentity:
    """Which weights made a result: the registry's name and the checkpoint's fingerprint."""

    name: str
    sha256: str
    weights: str = ""  # "int8" where they were rounded


def recipe(
    resolved: Resolved, item: int, model: ModelIdentity, source_sha256: str | None = None, batch: range = range(0)
) -> dict[str, Any]:
    """A JSON object that makes item `item` of the request again, alone.

    `batch` are the items that went through the sampler together with it: sums over more rows round otherwise, so where
    there were others the recipe says which, and `batch_request_of` makes the same batch.
    """
    values = without_audio(resolved.request)
    for name in NOT_RESOLVED:
        values.pop(name, None)
    values |= {"variations": 1, "candidates": 1}
    values |= {"seed": resolved.seeds[item], "retake_seed": resolved.retake_seeds[item]}
    if not resolved.double_guidance:
        values.pop("tag_guidance_scale", None)
        values.pop("lyric_guidance_scale", None)
    else:
        values.pop("guidance_type", None)
        values.pop("guidance_scale", None)
    fields = {
        "recipe": RECIPE_VERSION,
        "model": {"name": model.name, "sha256": model.sha256} | ({"weights": model.weights} if model.weights else {}),
        "request": values,
    }
    if len(batch) > 1:
        first = {"seed": resolved.seeds[batch[0]], "retake_seed": resolved.retake_seeds[batch[0]]}
        fields["batch"] = {"size": len(batch), "item": item - batch[0], **first}
    return fields | ({"source_sha256": source_sha256} if source_sha256 else {})


def without_audio(request: Request) -> dict[str, Any]:
    """A request as a JSON object without its source and clip: samples in memory are no JSON."""
    given = [name for name in audio_fields(type(request)) if getattr(request, name) is not UNSET]
    values = to_dict(structs.replace(request, **dict.fromkeys(given, "audio")))
    return {name: value for name, value in values.items() if name not in given}


def request_of(recipe: Mapping[str, Any], **changes: Any) -> Request:
    """The request of a recipe, with changes (`audio` among them for tasks with a source). Raises `InvalidRequest`."""
    version = recipe.get("recipe")
    if version != RECIPE_VERSION:
        raise InvalidRequest("recipe", f"version {version!r}", f"version {RECIPE_VERSION}", "Update acestep-bridge.")
    return from_dict({**recipe["request"], "model": recipe["model"]["name"], **changes})


def batch_request_of(recipe: Mapping[str, Any], **changes: Any) -> tuple[Request, int]:
    """The request that renders the batch of a recipe's clip again, and which variation of it the clip is.

    Bit-equal to the clip on the same device with the same memory mode. Raises `InvalidRequest`.
    """
    batch = recipe.get("batch")
    if batch is None:
        return request_of(recipe, **changes), 0
    try:
        seeds = {"seed": batch["seed"], "retake_seed": batch["retake_seed"]}
        size, item = int(batch["size"]), int(batch["item"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest("batch", repr(batch)[:60], "size, item, seed, retake_seed", "Take another.") from error
    if not 0 <= item < size:
        raise InvalidRequest("batch", f"item {item} of {size}", f"an item from 0 to {size - 1}", "Take another.")
    return request_of(recipe, **{**seeds, **changes, "variations": size}), item
