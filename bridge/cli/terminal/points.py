"""How an installation stands, point by point, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import typer

from bridge.cli.terminal.output import Exit, print_json, show, writes_unicode
from bridge.installing.point import Point


def show_points(points: Sequence[Point], as_json: bool) -> None:
    """Show each with what to do where it is not right. Raises typer.Exit where something is missing."""
    if as_json:
        print_json({"points": [asdict(point) for point in points]})
    else:
        for point in points:
            show(f"{_mark(point)} {point.name}: {point.text}")
            if point.remedy:
                show(f"        {point.remedy}")
    if not all(point.ok or point.optional for point in points):
        raise typer.Exit(int(Exit.FAILED))


def _mark(point: Point) -> str:
    """A tick where that can be shown; words else."""
    if point.ok:
        return "   \u2713   " if writes_unicode() else "ok     "
    return "   -   " if point.optional else "MISSING"
