"""How much a process logs, and its log set up. Knows the words of levels, not what is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.log import LEVELS, VARIABLE, hide, level_of, set_up
from bridge.log_reading import log_path
from bridge.protocol.home import make_home
from engine.errors import InvalidRequest

LogLevel = Annotated[
    str | None,
    typer.Option("--log-level", metavar="|".join(LEVELS), help=f"What goes to its log; {VARIABLE} says it for all."),
]


def check_log_level(given: str | None) -> str:
    """The level that counts. Raises InvalidRequest for a word that is none."""
    try:
        level = level_of() if given is None else given.lower()
    except ValueError as error:
        raise InvalidRequest(VARIABLE, str(error), "one of " + ", ".join(LEVELS), "Set it to one of these.") from error
    if level not in LEVELS:
        raise InvalidRequest("--log-level", repr(given), "one of " + ", ".join(LEVELS), "Choose one of these.")
    return level


def log_to(home: Path, process: str, level: str | None, *secrets: str, path: Path | None = None) -> None:
    """Let this process log to its file in the product's folder, without its secrets."""
    level = check_log_level(level)
    set_up(path or log_path(make_home(home), process), level)
    hide(*secrets)
