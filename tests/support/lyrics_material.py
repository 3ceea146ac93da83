"""What the lyric tests share: the goldens, and where the released vocabulary lies (it is not part of this project)."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import GOLDEN, ROOT

BESIDE = ROOT.parent / "shared" / "data" / "lyric_vocab.json"
VARIABLE = "ACESTEP_LYRIC_VOCAB"


@cache
def golden(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    return data


def released_vocabulary() -> Path:
    """The released vocabulary's path; skips the test where there is none."""
    path = Path(os.environ.get(VARIABLE) or BESIDE)
    if not path.is_file():
        pytest.skip(f"needs v1's lyric vocabulary: set {VARIABLE} to its lyric_vocab.json")
    return path
