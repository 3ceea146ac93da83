"""Why a job takes fewer steps than it was told. Knows what tasks begin from, no sampler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from engine.requests import Request, Resolved, from_dict, resolve


def why_fewer_steps(request: Request | Mapping[str, Any], model: str, steps: int) -> str:
    """14 steps of 27: since it begins at the source. Empty where as many are taken as were asked for."""
    from bridge.daemon.validate import facts_of_model

    typed = from_dict(dict(request)) if isinstance(request, Mapping) else request
    given = model if typed.model is UNSET else typed.model
    resolved = resolve(typed, facts_of_model(given).default_request)
    if steps >= resolved.number_of_steps or resolved.oss_steps is not None:
        return ""
    reason = _reason(resolved)
    left_out = resolved.number_of_steps - steps
    return f"{steps} of {resolved.number_of_steps} steps; {reason} leaves {left_out} out" if reason else ""


def _reason(resolved: Resolved) -> str:
    name = resolved.request.nearness
    if not name:
        return ""
    value = getattr(resolved, name)
    shown = value if isinstance(value, str) else f"{value:g}"
    return f"{name} {shown} begins from the source, not from noise alone, and so"
