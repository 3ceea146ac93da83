"""`python -m engine.effects.host FOLDER`: loads a chain and runs audio through it, in a process of its own.

What it is to do lies in FOLDER/order.json, audio beside it as raw float32 (channels, n); what it does now it writes
into FOLDER/now.json before it does it, so that whoever started it can say where it died. Nothing of it is loaded into
the process that renders.
"""

from __future__ import annotations

import difflib
import faulthandler
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.effects.effect import Effect
from engine.errors import EffectFailed, InvalidRequest

Samples = NDArray[np.float32]
TAIL_SECONDS = 10.0
_SPARE_SECONDS = 1.0  # after the audio: what effects hold back comes out while this goes in
_TAIL_DB = -60.0
_FADE_SECONDS = 0.01


class Order(msgspec.Struct, frozen=True):
    """`shapes` are channels and samples of each item; no items: the chain is loaded and described only."""

    effects: list[Effect]
    sample_rate: float
    shapes: list[tuple[int, int]]
    tail: bool
    limit_seconds: float


def main(folder: Path) -> int:
    """Do what the folder's order says, and leave result.json."""
    order = msgspec.json.decode((folder / "order.json").read_bytes(), type=Order)
    faulthandler.dump_traceback_later(order.limit_seconds + 10, exit=True)  # should nobody be left to end this
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _no_core_dumps()
    try:
        result: dict[str, Any] = {"effects": _run(folder, order)}
    except InvalidRequest as error:
        parts = {"field": error.field, "got": error.got, "expected": error.expected, "remedy": error.remedy}
        result = {"invalid": parts}
    except EffectFailed as error:
        result = {"failed": str(error)}
    except Exception as error:  # what a plug-in makes of Python
        traceback.print_exc()
        result = {"failed": f"The effects could not be run ({type(error).__name__}: {_line(error)})."}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # some plug-ins crash while they are taken down, when all is done


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


def _no_core_dumps() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(folder: Path, order: Order) -> list[dict[str, Any]]:
    loaded = []
    for number, effect in enumerate(order.effects):
        _now(folder, "loading", number)
        loaded.append(_load(number, effect))
    for item, shape in enumerate(order.shapes):
        samples = np.fromfile(folder / f"in-{item}.f32", dtype=np.float32).reshape(shape)
        made = _through(folder, order, loaded, samples)
        np.ascontiguousarray(made).tofile(folder / f"out-{item}.f32")
    return [_described(effect, plugin) for effect, plugin in zip(order.effects, loaded, strict=True)]


def _now(folder: Path, what: str, number: int) -> None:
    (folder / "now.json").write_text(json.dumps({"what": what, "effect": number}), encoding="utf-8")


def _load(number: int, effect: Effect) -> Any:
    import pedalboard

    where = f"effects[{number}]"
    if effect.name:
        try:
            return getattr(pedalboard, effect.name)(**effect.parameters)
        except (ValueError, TypeError, RuntimeError) as error:
            raise InvalidRequest(where, _line(error), "values that it takes", "Correct its parameters.") from error
    try:
        plugin = pedalboard.load_plugin(plugin_file(effect.plugin), plugin_name=effect.plugin_name or None)
    except (ImportError, ValueError, RuntimeError, OSError) as error:
        remedy = "Name a plug-in of this system (VST3; on macOS AU too); `acestep-bridge effects list` looks for some."
        raise InvalidRequest(f"{where}.plugin", _line(error), "a plug-in that can be loaded", remedy) from error
    if not plugin.is_effect:
        raise InvalidRequest(f"{where}.plugin", "an instrument", "an effect", "Choose a plug-in that takes audio.")
    _set_state(where, effect, plugin)
    _set_parameters(where, effect, plugin)
    return plugin


def plugin_file(path: str) -> str:
    """What pedalboard opens: the bundle's folder, on Windows the file of the same ending in it."""
    inner = sorted(Path(path).glob("Contents/*-win/*.vst3")) if os.name == "nt" and Path(path).is_dir() else []
    return str(inner[0]) if inner else path


def _set_state(where: str, effect: Effect, plugin: Any) -> None:
    if not effect.state:
        return
    try:
        plugin.load_preset(effect.state)
    except (AttributeError, ValueError, RuntimeError, OSError) as error:
        remedy = "Save the state of this very plug-in again."
        raise InvalidRequest(f"{where}.state", _line(error), "its .vstpreset", remedy) from error


def _set_parameters(where: str, effect: Effect, plugin: Any) -> None:
    known = list(plugin.parameters)
    for name, value in effect.parameters.items():
        field = f"{where}.parameters.{name}"
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            remedy = f"Did you mean {near[0]}?" if near else "`acestep-bridge effects show PLUGIN` lists them."
            raise InvalidRequest(field, "an unknown parameter", "one of " + ", ".join(known[:40]), remedy)
        try:
            setattr(plugin, name, value)
        except (ValueError, TypeError, RuntimeError) as error:
            told = ", ".join(f"{key} {part}" for key, part in _parameter(plugin, name).items() if key != "value")
            raise InvalidRequest(field, repr(value), told or "a value that it has", "Choose one of these.") from error


def _through(folder: Path, order: Order, loaded: list[Any], samples: Samples) -> Samples:
    """One item through the chain, (channels, n) or longer by its tail."""
    frames = samples.shape[1]
    after = TAIL_SECONDS if order.tail else 0.0
    made = np.pad(samples, ((0, 0), (0, round(after * order.sample_rate))))
    for number, plugin in enumerate(loaded):
        _now(folder, "working", number)
        made = _processed(f"{order.effects[number].title} (effects[{number}])", plugin, made, order.sample_rate)
    return _with_tail(made, frames, order.sample_rate) if order.tail else made[:, :frames]


def _processed(title: str, plugin: Any, samples: Samples, rate: float) -> Samples:
    """Samples through one effect, as many as went in, its latency taken out."""
    spare = np.pad(samples, ((0, 0), (0, round(_SPARE_SECONDS * rate))))
    try:
        made = _mono_or_stereo(plugin, spare, rate)
    except (ValueError, RuntimeError) as error:
        raise EffectFailed(f"{title} could not be run: {_line(error)}") from error
    if made.shape[1] < samples.shape[1]:
        raise EffectFailed(f"{title} gave {made.shape[1]} of {samples.shape[1]} samples. Leave it out.")
    made = made[:, : samples.shape[1]]
    if not np.isfinite(made).all():
        raise EffectFailed(f"{title} gave samples that are no numbers. Change its parameters, or leave it out.")
    return made


def _mono_or_stereo(plugin: Any, samples: Samples, rate: float) -> Samples:
    """Mono as stereo through what takes stereo only, and back."""
    try:
        return np.asarray(plugin.process(samples, rate, reset=True))
    except ValueError:
        if samples.shape[0] != 1:
            raise
    both = np.asarray(plugin.process(np.repeat(samples, 2, axis=0), rate, reset=True))
    return both.mean(axis=0, keepdims=True, dtype=np.float32)


def _with_tail(made: Samples, frames: int, rate: float) -> Samples:
    """Until what rings on has fallen to -60 dB, with a short fade where it ends."""
    level = float(np.abs(made).max(initial=0.0)) * 10 ** (_TAIL_DB / 20)
    heard = np.flatnonzero(np.abs(made[:, frames:]).max(axis=0) > level)
    if level == 0.0 or heard.size == 0:
        return made[:, :frames]
    length = min(made.shape[1] - frames, int(heard[-1]) + 1 + round(_FADE_SECONDS * rate))
    kept = made[:, : frames + length].copy()
    fade = min(length, round(_FADE_SECONDS * rate))
    kept[:, kept.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return kept


def _described(effect: Effect, plugin: Any) -> dict[str, Any]:
    names = plugin.parameters if effect.plugin else ()
    return {
        "title": effect.title,
        "latency_samples": int(getattr(plugin, "reported_latency_samples", 0) or 0),
        "parameters": {name: _parameter(plugin, name) for name in names},
    }


def _parameter(plugin: Any, name: str) -> dict[str, Any]:
    """What a parameter is now, and what it can be, for JSON."""
    told = plugin.parameters[name]
    value = getattr(plugin, name)
    value = value if isinstance(value, (bool, str)) else float(value)
    bounds = {} if isinstance(value, (bool, str)) else {"minimum": told.min_value, "maximum": told.max_value}
    choices = {"choices": [str(choice) for choice in told.valid_values]} if isinstance(value, str) else {}
    return {"value": value, **bounds, **choices, **({"unit": told.units} if told.units else {})}


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
