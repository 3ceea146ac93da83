"""Paths as they are typed and as they are shown. Knows no file."""

from __future__ import annotations

from pathlib import Path

import typer


def file_path(text: str | Path) -> Path:
    """The path of a file or folder that was typed. Python takes an empty one for the current folder."""
    if not str(text):
        raise typer.BadParameter("got an empty name, expected a file (is a variable of your script empty?)")
    return Path(text)
