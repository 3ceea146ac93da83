"""How long tests wait for what must come. A wait ends when it comes; none measures speed (`tests/bench` does)."""

from __future__ import annotations

import os

HANG_SECONDS = float(
    os.environ.get("ACESTEP_HANG_SECONDS", "600")
)  # then a test says what it waited for; `timeout` in pyproject.toml ends one that does not
