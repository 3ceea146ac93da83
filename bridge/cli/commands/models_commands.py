"""`models`: what can make the sound, how to get it, whether its files are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from bridge.cli.terminal.output import AsJson, Exit, fail, handled, note, print_json, show
from bridge.protocol.messages import ModelsReply

group = typer.Typer(help="Models: list, pull, verify.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of `models list`, or a LoRA's hub id owner/name.")]


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="models")


@group.command("list")
@handled
def list_models(as_json: AsJson = False) -> None:
    """Every model by name: what it is, its licence, size and memory, whether it is here or on the linked machine."""
    from engine.checkpoints import registry
    from engine.checkpoints.lora_pull import pulled_loras

    entries, there = registry.entries(), _there()
    if as_json:
        linked = None if there is None else to_builtins(there)
        return print_json({"models": [_as_dict(entry) for entry in entries], "linked": linked})
    if there is not None:
        _show_there(there)
        show("On this computer, which does not render while it is linked:")
    for entry in entries:
        show(f"{entry.name}: {entry.description}")
        size = f"{entry.size_bytes / 1e9:.1f} GB" if entry.size_bytes > 1e8 else f"{entry.size_bytes / 1e6:.0f} MB"
        show(f"    {size} on disk, about {entry.memory_bytes / 1e9:.1f} GB of memory, licence {entry.licence}")
        remedy = f"acestep-bridge models pull {entry.name}" if entry.repository else "installing the package again"
        show(f"    {'here: ' + str(entry.folder) if entry.installed else 'not here; get it with: ' + remedy}")
    for lora, folder in pulled_loras().items():
        show(f"LoRA {lora}: {folder}")


def _there() -> ModelsReply | None:
    """The models of the machine that renders for this one; None where none does."""
    from bridge.protocol.home import home_folder
    from bridge.protocol.linked import read_linked

    home = home_folder()
    linked = read_linked(home)
    if linked is None:
        return None
    import asyncio

    from bridge.client.elsewhere import models_there

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(models_there(home, linked))


def _show_there(there: ModelsReply) -> None:
    show(f"On the machine at {there.models[0].machine}, which renders for this computer:")
    for entry in there.models:
        show(entry.description if entry.description.startswith(entry.name) else f"{entry.name}: {entry.description}")
        state = "there" if entry.available else f"not there; {entry.remedy}"
        show(f"    {state}{', used unless told otherwise' if entry.name == there.default else ''}")


@group.command("pull")
@handled
def pull_model(name: Name, as_json: AsJson = False) -> None:
    """Download a model; a pull that was cut off goes on where it stopped."""
    from bridge.cli.terminal.progress import byte_progress
    from engine.checkpoints.lora_pull import is_hub_id, pull_lora
    from engine.checkpoints.pull import pull

    is_lora = is_hub_id(name)
    here = None if is_lora else _shipped(name)
    if here is not None:
        if as_json:
            return print_json({"name": name, "path": str(here)})
        return show(f"{name} is here already, as part of the package, in {here}. Use it with --model {name}.")
    if not is_lora:
        _show_licence(name)
    note("Asking the hub what there is; without a network that takes half a minute to be sure of.")
    with byte_progress(f"Pulling {name}") as advance:
        load = pull_lora if is_lora else pull
        folder = load(name, progress=lambda p: advance(p.done_bytes, p.total_bytes))
    if as_json:
        return print_json({"name": name, "path": str(folder)})
    show(f"{name} is whole, in {folder}. Use it with {'--lora' if is_lora else '--model'} {name}.")


@group.command("verify")
@handled
def verify_model(name: Name, as_json: AsJson = False) -> None:
    """Check a pulled model's files against the sizes and hashes that the hub gave."""
    from engine.checkpoints import registry
    from engine.checkpoints.pull import verify

    entry = registry.resolve(name)
    problems = [] if entry.repository is None and entry.name == "nano" else verify(name)
    if as_json:
        print_json({"name": name, "path": str(entry.folder), "problems": problems})
    if problems:
        remedy = f"Pull it again: acestep-bridge models pull {name}"
        fail(Exit.NO_DAEMON_OR_MODEL, "\n".join([f"{name}: {len(problems)} problem(s)", *problems, remedy]))
    if not as_json:
        show(f"{name}: every file is as it should be ({entry.folder}).")


def _shipped(name: str) -> Path | None:
    """Where a model lies that came with the package: there is nothing to pull."""
    from engine.checkpoints import registry

    entries = (e for e in registry.entries() if e.name == name and not e.repository and e.installed)
    return next((entry.folder for entry in entries), None)


def _show_licence(name: str) -> None:
    """What is about to be loaded: nobody should learn of a licence afterwards."""
    from engine.checkpoints import registry

    for entry in registry.entries():
        if entry.name == name and entry.repository:
            size = f"{entry.size_bytes / 1e9:.1f} GB"
            at = f" at {entry.revision[:12]}" if entry.revision else ""
            note(f"{entry.repository}{at}, {size}, licence {entry.licence}")


def _as_dict(entry: Any) -> dict[str, Any]:
    names = ("name", "description", "licence", "size_bytes", "memory_bytes", "installed", "repository", "revision")
    return {name: getattr(entry, name) for name in names} | {"path": str(entry.folder) if entry.installed else None}
