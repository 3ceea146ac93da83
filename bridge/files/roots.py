"""Which files a client of another machine may name: those under an allowed root. Knows no socket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET

from bridge.protocol.errors import refused


def check_loras(request: Any, roots: Sequence[Path]) -> None:
    """Raises InvalidField (forbidden_path) for a LoRA's file outside of `roots`; hub ids are no files."""
    for text in () if request.lora is UNSET else request.lora:
        path = Path(text).expanduser()
        if path.is_absolute() or path.exists():
            check_allowed(path, roots, "lora")


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
