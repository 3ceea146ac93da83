"""`recipe` and `again`: how a clip was made, and the same once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.commands.render_commands import DryRun, Force, Out
from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, handled, note, print_json, show

File = Annotated[Path, typer.Argument(metavar="FILE", parser=file_path, help="A clip that was made here.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("recipe")(recipe)
    app.command("again")(again)


@handled
def recipe(file: File, as_json: AsJson = False) -> None:
    """Print how a clip was made."""
    from bridge.cli.renders.recipes import recipe_in

    recipe = recipe_in(file)
    if as_json:
        return print_json(recipe)
    show(f"{file.name}: {recipe['request'].get('task')} by {recipe['model'].get('name')}")
    for name, value in _rows(recipe):
        show(f"    {name}: {value}")


@handled
def again(
    file: File,
    out: Out = None,
    force: Force = False,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Another seed.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a field; may be repeated.")
    ] = None,
    audio: Annotated[str | None, typer.Option("--audio", metavar="SRC", help="The source, where it had one.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="STR", help="Another model, or where a checkpoint of yours lies.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a clip again from its recipe, as it was or changed."""
    from bridge.cli.renders.recipes import again_of
    from bridge.cli.renders.render import Order, run_order
    from bridge.file_names import original_stem

    wanted = [*([f"model={model}"] if model else []), *(changes or [])]
    order = again_of(file, seed, wanted, audio)
    for text in order.notes:
        note(f"Note: {text}")
    stem = f"{original_stem(file.stem)}-again"
    run_order(Order(order.request, out, as_json, file, stem=stem, force=force, item=order.item, dry_run=dry_run))


def _rows(recipe: dict[str, Any]) -> list[tuple[str, Any]]:
    from engine.requests.recipe import HASHES

    rows = [(name, value) for name, value in recipe["request"].items() if name != "task" and value not in ("", None)]
    extra = [(name, recipe[name]) for name in HASHES.values() if recipe.get(name)]
    return rows + extra
