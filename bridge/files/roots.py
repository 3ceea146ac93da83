"""Which files a client of another machine may name: those under an allowed root. Knows no socket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bridge.protocol.errors import refused


def check_allowed(path: Path, roots: Sequence[Path]) -> None:
    """Raises InvalidField (forbidden_path) unless `path`, with links followed, lies under one of `roots`."""
    real = path.resolve()
    if any(real.is_relative_to(root.resolve()) for root in roots):
        return
    raise refused(
        "forbidden_path",
        "audio",
        f"{path.name}, which is outside of the allowed folders",
        "a file in a folder given with `serve --allow-root`",
        "Upload the audio, or allow its folder on the server.",
    )
