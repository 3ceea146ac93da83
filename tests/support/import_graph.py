"""Who imports whom in a package, read from the sources: at any depth, in functions and for types too."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

Graph = dict[str, set[str]]


def modules_of(folder: Path, name: str) -> dict[str, Path]:
    """The modules of a package by their full names; of a package's own `__init__.py`, the package's."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [name, *path.relative_to(folder).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def file_graph(modules: Mapping[str, Path]) -> Graph:
    """Module -> the modules of the same package that it imports."""
    return {name: _imported(name, path, modules) - {name} for name, path in modules.items()}


def folder_graph(files: Graph, modules: Mapping[str, Path]) -> Graph:
    """Folder -> the folders that its files import from; a file in the top folder counts as a folder of its own.

    A folder inside another is a part of it here. The top folder is what all names in `modules` begin with.
    """
    depth = min(name.count(".") for name in modules) + 2
    return _merged(files, {name: ".".join(name.split(".")[:depth]) for name in modules})


def _merged(files: Graph, room_of: Mapping[str, str]) -> Graph:
    rooms: Graph = {}
    for name, others in files.items():
        targets = rooms.setdefault(room_of[name], set())
        targets |= {room_of[other] for other in others} - {room_of[name]}
    return rooms


def circles(graph: Graph) -> list[list[str]]:
    """Groups of rooms that reach each other, each sorted (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(room: str) -> None:
        order[room] = low[room] = len(order)
        stack.append(room)
        for other in sorted(graph[room]):
            if other not in order:
                visit(other)
            if other in stack:
                low[room] = min(low[room], low[other])
        if low[room] == order[room]:
            group = stack[stack.index(room) :]
            del stack[stack.index(room) :]
            found.append(sorted(group))

    for room in graph:
        if room not in order:
            visit(room)
    return sorted(group for group in found if len(group) > 1)


@cache
def imports_in(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The import statements of a file at any depth; read once for all who ask."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def _imported(name: str, path: Path, modules: Mapping[str, Path]) -> set[str]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    names: set[str] = set()
    for node in imports_in(path):
        if isinstance(node, ast.Import):
            names |= {_nearest(alias.name, modules) for alias in node.names}
        else:
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {_nearest(f"{module}.{alias.name}", modules) for alias in node.names}
    return names - {""}


def _nearest(name: str, modules: Iterable[str]) -> str:
    """The module that a dotted name is, or lies in; "" for one of another package."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        if ".".join(parts[:count]) in modules:
            return ".".join(parts[:count])
    return ""
