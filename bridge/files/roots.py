"""Which files a client of another machine may name: those under an allowed root. Knows no socket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET

from bridge.protocol.errors import refused
from engine.checkpoints import registry


def named_path(text: str, field: str) -> Path:
    """The path that a text names, `~` followed. Raises InvalidField for what no file can be called."""
    remedy = "Give the whole path."
    if "\0" in text:
        raise refused("invalid_request", field, "a path with a NUL character", "the path of a file", remedy)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~somebody, whom this machine does not know
        raise refused("invalid_request", field, repr(text[:60]), "the path of a file", remedy) from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for the file system
        return False


def check_loras(request: Any, roots: Sequence[Path]) -> None:
    """Raises InvalidField (forbidden_path) for a LoRA's file outside of `roots`; hub ids are no files."""
    for text in () if request.lora is UNSET else request.lora:
        path = named_path(text, "lora")
        if path.is_absolute() or _exists(path):
            check_allowed(path, roots, "lora")


def check_model(name: str, roots: Sequence[Path]) -> None:
    """Raises UnknownThing, InvalidField (forbidden_path) for what is no model's name and no path under `roots`.

    Whether such a file exists is not looked at: nobody learns that by asking.
    """
    if name in {entry.name for entry in registry.entries()}:
        return
    if not Path(name).is_absolute() or "\0" in name:
        remedy = "`acestep-bridge models list` shows the names."
        raise refused("unknown_model", "model", repr(name[:80]), "a model's name", remedy)
    check_allowed(Path(name), roots, "model")


def check_allowed(path: Path, roots: Sequence[Path], field: str = "audio") -> None:
    """Raises InvalidField (forbidden_path) unless `path`, with links followed, lies under one of `roots`."""
    real = path.resolve()
    if any(real.is_relative_to(root.resolve()) for root in roots):
        return
    raise refused(
        "forbidden_path",
        field,
        f"{path.name}, which is outside of the allowed folders",
        "a file in a folder given with `serve --allow-root`",
        f"{'Upload the audio, or allow' if field == 'audio' else 'Allow'} its folder on the server.",
    )
