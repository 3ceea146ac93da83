"""Checks of a request's values that need no audio and no model: types, ranges, choices, finiteness, sizes."""

from __future__ import annotations

import json
import math
from typing import Any

from msgspec import UNSET, Struct

from engine.effects.effect import check_effects
from engine.errors import InvalidRequest
from engine.requests.fields import Field, fields_of
from engine.requests.tracks import TRACKS

MAX_CLIENT_DATA_BYTES = 16 * 1024
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "choice": (str,),
    "object": (dict,),
    "list": (list, tuple),
}
_NO_TAG = ", \t\r\n;.\u3001\uff0c"  # what stands between tags, and no tag


def check(request: Struct) -> None:
    """Raise `InvalidRequest` for the first field whose value cannot be used."""
    for name, field in fields_of(type(request)).items():
        value = getattr(request, name)
        if value is not UNSET:
            check_value(field, value)
    _check_together(request)


def check_value(field: Field, value: Any) -> None:
    """Raise `InvalidRequest` unless `value` is of the field's kind and within its bounds."""
    if value is None and field.nullable:
        return
    if not _is_of_kind(field, value):
        raise InvalidRequest(field.name, _show(value), field.expected, _remedy(field))
    if field.kind in ("int", "float"):
        _check_number(field, value)
    if field.kind == "choice" and value not in field.choices:
        raise InvalidRequest(field.name, _show(value), field.expected, "Choose one of these.")


def _is_of_kind(field: Field, value: Any) -> bool:
    if field.kind == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if field.kind == "audio":
        return value is not None and (not isinstance(value, str) or bool(value))
    return isinstance(value, _TYPES[field.kind])


def _check_number(field: Field, value: float) -> None:
    too_low = field.minimum is not None and value < field.minimum
    too_high = field.maximum is not None and value > field.maximum
    if not math.isfinite(value) or too_low or too_high:
        raise InvalidRequest(field.name, _show(value), field.expected, _remedy(field))


def _check_together(request: Struct) -> None:
    tags = getattr(request, "tags", UNSET)
    if tags is not UNSET and not tags.strip(_NO_TAG):
        raise InvalidRequest("tags", "no tags", "at least one tag", "Describe the style: 'house, 124 bpm, drums'.")
    prompt = getattr(request, "prompt", UNSET)
    if prompt is not UNSET and not prompt.strip():
        raise InvalidRequest("prompt", "no words", "a description", "Say in plain words what the music should be.")
    _check_client_data(getattr(request, "client_data", UNSET))
    _check_tempo(request)
    _check_lists(request)
    _check_outpaint(request)
    effects = getattr(request, "effects", UNSET)
    if effects is not UNSET:
        check_effects(effects)


def _check_client_data(data: Any) -> None:
    if data is UNSET:
        return
    try:
        size = len(json.dumps(data, allow_nan=False).encode())
    except (TypeError, ValueError) as error:
        raise InvalidRequest("client_data", str(error), "a JSON object", "Use JSON values only.") from error
    if size > MAX_CLIENT_DATA_BYTES:
        raise InvalidRequest(
            "client_data",
            f"{size} bytes",
            f"at most {MAX_CLIENT_DATA_BYTES} bytes",
            "Keep the rest on your side.",
        )


def _check_tempo(request: Any) -> None:
    if request.meter is not UNSET:
        parse_meter(request.meter)
    if request.tempo_map is UNSET:
        return
    if not request.tempo_map:
        raise InvalidRequest("tempo_map", "no points", "at least one point", "Leave the field out when unknown.")
    last = -math.inf
    for index, point in enumerate(request.tempo_map):
        where = f"tempo_map[{index}]"
        if not (math.isfinite(point.time) and point.time > last):
            raise InvalidRequest(
                f"{where}.time", _show(point.time), "a time after the last point's", "Sort the points."
            )
        if not (math.isfinite(point.bpm) and 1 <= point.bpm <= 1000):
            raise InvalidRequest(f"{where}.bpm", _show(point.bpm), "a number from 1 to 1000", "Give beats a minute.")
        if point.numerator < 1 or point.denominator not in (1, 2, 4, 8, 16, 32, 64):
            raise InvalidRequest(
                where, f"{point.numerator}/{point.denominator}", "a meter such as 4/4", "Write it as beats over 4 or 8."
            )
        if not 0 <= point.bar_phase < 1:
            raise InvalidRequest(f"{where}.bar_phase", _show(point.bar_phase), "a number in [0, 1)", "0 is a downbeat.")
        last = point.time


def parse_meter(meter: str) -> tuple[int, int]:
    """ "6/8" -> (6, 8). Raises `InvalidRequest`."""
    parts = meter.split("/")
    if len(parts) == 2 and all(p.strip().isdigit() for p in parts):
        numerator, denominator = int(parts[0]), int(parts[1])
        if 1 <= numerator <= 64 and denominator in (1, 2, 4, 8, 16, 32, 64):
            return numerator, denominator
    raise InvalidRequest("meter", _show(meter), "a meter such as 4/4, 3/4 or 6/8", "Write numerator/denominator.")


def _check_lists(request: Any) -> None:
    channels = getattr(request, "channels", UNSET)
    if channels is not UNSET and (
        len(channels) not in (1, 2)
        or not all(isinstance(c, int) and not isinstance(c, bool) and c >= 1 for c in channels)
    ):
        raise InvalidRequest("channels", _show(channels), "one or two channel numbers from 1", "Say [1, 2].")
    _check_tracks(getattr(request, "tracks", UNSET))
    if request.oss_steps is not UNSET:
        steps = list(request.oss_steps)
        if (
            not steps
            or any(isinstance(s, bool) or not isinstance(s, int) or not 1 <= s <= 200 for s in steps)
            or (steps != sorted(set(steps)))
        ):
            raise InvalidRequest("oss_steps", _show(steps), "rising whole numbers from 1 to 200", "Say [1, 5, 12].")
    _check_lora(request)


def _check_tracks(tracks: Any) -> None:
    if tracks is UNSET:
        return
    unknown = [name for name in tracks if name not in TRACKS]
    if unknown or not tracks:
        raise InvalidRequest(
            "tracks", _show(unknown or tracks), f"some of {', '.join(TRACKS)}", "Name at least one of these."
        )


def _check_lora(request: Any) -> None:
    names = () if request.lora is UNSET else request.lora
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise InvalidRequest(
            "lora", _show(list(names)), "names of adapters", "Give folders, files or hub ids as texts."
        )
    if request.lora_weight is UNSET:
        return
    count = 0 if request.lora is UNSET else len(request.lora)
    finite = all(
        isinstance(w, (int, float)) and not isinstance(w, bool) and math.isfinite(w) for w in request.lora_weight
    )
    if len(request.lora_weight) != count or not finite:
        raise InvalidRequest(
            "lora_weight",
            _show(list(request.lora_weight)),
            f"{count} finite numbers, one for each of lora",
            "Match them.",
        )


def _check_outpaint(request: Any) -> None:
    before = getattr(request, "extend_before_duration", None)
    after = getattr(request, "extend_after_duration", None)
    if before in (None, UNSET, 0) and after == 0:
        raise InvalidRequest(
            "extend_after_duration",
            "nothing to add on either side",
            "a length above 0 before or after",
            "Give extend_before_duration or extend_after_duration.",
        )


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= 80 else text[:77] + "..."
    return f"'{short}'" if isinstance(value, str) else short


def _remedy(field: Field) -> str:
    default = "" if field.default is UNSET else f" The default is {field.default}."
    return f"{field.description}{default}".strip() or f"Give {field.expected}."
