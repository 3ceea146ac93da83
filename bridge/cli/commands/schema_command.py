"""`schema`: the JSON Schema of the requests."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.terminal.output import handled, print_json
from engine.errors import InvalidRequest
from engine.requests import TASKS, json_schema


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


@handled
def schema(
    task: Annotated[str | None, typer.Argument(metavar="TASK", help="One task; all when not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The schema is JSON anyway.")] = False,
) -> None:
    """Print the JSON Schema of the requests."""
    if task is not None and task not in TASKS:
        raise InvalidRequest("task", repr(task), "one of " + ", ".join(TASKS), "Name one, or none for all.")
    print_json(json_schema(task) if task else {name: json_schema(name) for name in TASKS})
