"""From what was given to what is rendered: defaults, the model's own defaults, seeds, double guidance.

Knows the public API's defaults and how seeds are derived; knows no network.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, structs

from engine.constants import SEED_MODULUS
from engine.errors import InvalidRequest
from engine.requests.fields import fields_of
from engine.requests.settled import Settled, settled_fields
from engine.requests.types import Request

EDIT_RANGES = {"remix": (0.2, 0.4), "lyrics": (0.6, 1.0), "reference": (0.0, 1.0)}
NOT_RESOLVED = ("model", "priority", "request_id", "client_data")


@dataclass(frozen=True, kw_only=True)
class Resolved(Settled):
    """A settled request with the seeds of its items, and what the user should hear about. `given` names the fields
    that the request itself gave."""

    seeds: tuple[int, ...]  # one per item: variations x candidates
    retake_seeds: tuple[int, ...]
    double_guidance: bool
    warnings: tuple[str, ...] = ()
    given: frozenset[str] = field(default_factory=frozenset)


def resolve(request: Request, model_defaults: Mapping[str, Any] | None = None) -> Resolved:
    """Fill in what was not given: first the model's `default_request`, then the API's defaults.

    Raises `InvalidRequest` when the model's defaults are out of range.
    """
    fields = fields_of(type(request))
    given = frozenset(name for name in fields if getattr(request, name) is not UNSET)
    values: dict[str, Any] = {n: f.default for n, f in fields.items() if f.default is not UNSET}
    values |= {n: v for n, v in (model_defaults or {}).items() if n in fields}
    values |= {n: getattr(request, n) for n in given}
    double, warnings = _double_guidance(given, model_defaults or {}, values)
    if "edit_mode" in fields:
        values["strength"] = _strength((model_defaults or {}).get("strengths", {}), given, values)
        _edit_range((model_defaults or {}).get("edit_ranges", {}), values)
    values.setdefault("seed", secrets.randbelow(SEED_MODULUS))
    values.setdefault("retake_seed", _first_retake_seed(request, values["seed"]))
    full = structs.replace(request, **values)
    seeds, retake_seeds = item_seeds(full)
    return Resolved(
        **settled_fields(full),
        seeds=seeds,
        retake_seeds=retake_seeds,
        double_guidance=double,
        warnings=tuple(warnings),
        given=given,
    )


def derive_retake_seed(seed: int) -> int:
    """The second noise's seed of a given first: (seed * 1664525 + 1013904223) mod 2^31, never equal to it."""
    derived = (seed * 1664525 + 1013904223) % SEED_MODULUS
    return (derived + 1) % SEED_MODULUS if derived == seed else derived


def item_seeds(request: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Seed and retake seed of each item (variation v, candidate c adds v * candidates + c).

    Where the task keeps the seed (`retake`), only the retake seed moves. A retake seed that was derived is derived
    again from each item's seed.
    """
    count = request.variations * request.candidates
    retakes = tuple((request.retake_seed + i) % SEED_MODULUS for i in range(count))
    if request.keeps_seed:
        return (request.seed,) * count, retakes
    seeds = tuple((request.seed + i) % SEED_MODULUS for i in range(count))
    if request.retake_seed == derive_retake_seed(request.seed):
        retakes = tuple(derive_retake_seed(seed) for seed in seeds)
    return seeds, retakes


def _first_retake_seed(request: Request, seed: int) -> int:
    if request.keeps_seed:
        return secrets.randbelow(SEED_MODULUS)
    return derive_retake_seed(seed)


def _double_guidance(
    given: frozenset[str], model_defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[bool, list[str]]:
    """Whether the double condition guidance is used. Single guidance given alone turns it off."""
    double_names = {"tag_guidance_scale", "lyric_guidance_scale"}
    single_names = {"guidance_type", "guidance_scale"}
    both_above_one = values["tag_guidance_scale"] > 1 and values["lyric_guidance_scale"] > 1
    if given & double_names:
        if not given & single_names:
            return both_above_one, []
        winner = "tag_guidance_scale and lyric_guidance_scale" if both_above_one else "guidance_type and guidance_scale"
        return both_above_one, [f"Both kinds of guidance were given; {winner} are used."]
    if given & single_names:
        return False, []
    if single_names & set(model_defaults) and not double_names & set(model_defaults):
        return False, []
    return both_above_one, []


def _strength(model_strengths: Mapping[str, float], given: frozenset[str], values: Mapping[str, Any]) -> float:
    """The strength that was given, else the model's for the edit mode, else the usual one."""
    usual: float = values["strength"]
    return usual if "strength" in given else model_strengths.get(values["edit_mode"], usual)


def _edit_range(model_ranges: Mapping[str, Sequence[float]], values: dict[str, Any]) -> None:
    """Where editing begins and ends in the edit mode that is asked for; a model may prefer other ranges than v1."""
    low, high = {**EDIT_RANGES, **model_ranges}[values["edit_mode"]]
    values.setdefault("edit_n_min", low)
    values.setdefault("edit_n_max", high)
    if values["edit_n_min"] > values["edit_n_max"]:
        got = f"{values['edit_n_min']} above edit_n_max {values['edit_n_max']}"
        raise InvalidRequest("edit_n_min", got, "at most edit_n_max", "Lower it or raise edit_n_max.")
