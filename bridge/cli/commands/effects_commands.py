"""`effects`: what effects there are, what parameters they have, and whether a chain runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.terminal.output import AsJson, handled, print_json, show
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from engine.effects.effect import Effect

group = typer.Typer(help="Effects on what is made: list, show, check.", no_args_is_help=True)
_CHECK_SECONDS, _CHECK_RATE = 2.0, 44100
_ENDINGS = (".vst3", ".component")
Chain = Annotated[
    str, typer.Argument(metavar="CHAIN", help="A preset, an effect of pedalboard, a plug-in's or JSON file, or JSON.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="effects")


@group.command("list")
@handled
def list_effects(as_json: AsJson = False) -> None:
    """Effects of pedalboard, presets, and plug-ins in this system's usual folders."""
    from bridge.files.effect_presets import preset_folder, preset_names
    from bridge.protocol.home import home_folder
    from engine.effects.built_in import BUILT_IN

    folder = preset_folder(home_folder())
    found = {"built_in": list(BUILT_IN), "presets": preset_names(folder), "plugins": _installed()}
    if as_json:
        return print_json({**found, "preset_folder": str(folder)})
    show("Effects of pedalboard: " + ", ".join(found["built_in"]))
    show(f"Presets in {folder}: " + (", ".join(found["presets"]) or "none"))
    show("Plug-ins: " + ("" if found["plugins"] else "none in the usual folders; any may be named by its path"))
    for path in found["plugins"]:
        show(f"    {path}")


@group.command("show")
@handled
def show_effect(chain: Chain, as_json: AsJson = False) -> None:
    """Each effect of a chain with its parameters, as they are and as they may be."""
    effects = _chain(chain)
    told = _described(effects)
    if as_json:
        return print_json(told)
    for effect in told:
        latency = f", latency {effect['latency_samples']} samples" if effect["latency_samples"] else ""
        show(f"{effect['title']}{latency}")
        for name, parameter in effect["parameters"].items():
            show(f"    {name}: {_in_words(parameter)}")


@group.command("check")
@handled
def check_chain(chain: Chain, as_json: AsJson = False) -> None:
    """Run two seconds of noise through a chain, in a process of its own as a job does."""
    import numpy as np

    from engine.effects.chain import apply_effects

    noise = np.random.default_rng(0).normal(0, 0.1, (2, round(_CHECK_SECONDS * _CHECK_RATE))).astype(np.float32)
    began = time.monotonic()
    passed = apply_effects([noise], _CHECK_RATE, _chain(chain))
    seconds = time.monotonic() - began
    change = 10 * np.log10(float((passed.items[0] ** 2).mean()) / float((noise**2).mean()) + 1e-12)
    told = {
        "effects": [{k: effect[k] for k in ("title", "latency_samples")} for effect in passed.effects],
        "seconds": round(seconds, 3),
        "level_change_db": round(float(change), 2),
    }
    if as_json:
        return print_json(told)
    names = ", ".join(effect["title"] for effect in passed.effects) or "no effects"
    show(f"{names}: runs, {seconds:.1f} s for {_CHECK_SECONDS:g} s of audio, level {change:+.1f} dB")


def _installed() -> list[str]:
    """Plug-ins in the usual folders; none of them is loaded."""
    import pedalboard

    kinds = [getattr(pedalboard, name, None) for name in ("VST3Plugin", "AudioUnitPlugin")]
    return sorted({str(path) for kind in kinds if kind is not None for path in kind.installed_plugins})


def _chain(text: str) -> tuple[Effect, ...]:
    """What was typed as a chain. Raises InvalidRequest."""
    from bridge.files.effect_presets import chain_of, preset_folder
    from bridge.protocol.home import home_folder
    from engine.effects.built_in import BUILT_IN

    if text.lstrip().startswith(("[", "{")):
        try:
            held = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest("CHAIN", str(error), "JSON", "Quote it for your shell.") from error
        items: list[Any] = held if isinstance(held, list) else [held]
    elif text in BUILT_IN:
        items = [{"name": text}]
    elif Path(text).suffix.lower() in _ENDINGS:
        items = [{"plugin": str(Path(text).absolute())}]
    else:
        items = [str(Path(text).absolute()) if text.endswith(".json") else text]
    return chain_of(items, preset_folder(home_folder()))


def _described(effects: tuple[Effect, ...]) -> list[dict[str, Any]]:
    from engine.effects.built_in import BUILT_IN
    from engine.effects.chain import apply_effects

    told = apply_effects([], _CHECK_RATE, effects).effects
    for effect, own in zip(effects, told, strict=True):
        if effect.name:
            values = {**BUILT_IN[effect.name], **effect.parameters}
            own["parameters"] = {name: {"value": value} for name, value in values.items()}
    return told


def _in_words(parameter: dict[str, Any]) -> str:
    words = str(parameter["value"]) + (f" {parameter['unit']}" if parameter.get("unit") else "")
    if "minimum" in parameter:
        words += f" (from {parameter['minimum']:g} to {parameter['maximum']:g})"
    return words + (f" (of {', '.join(parameter['choices'])})" if parameter.get("choices") else "")
