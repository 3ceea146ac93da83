"""`python -m tests.long [some] [words for pytest]`: what the suite leaves out since it takes long, and properties.

The tests that `tests/support/longer.py` lists, in all their cases, and every property with all its examples. With
`some`, one case of each test that the suite leaves out in all its cases, and no properties: a short form, for CI.
"""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

PYTEST = ["pytest", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]


def main(words: list[str]) -> int:
    """Runs pytest over them; its exit status."""
    share = words.pop(0) if words[:1] == ["some"] else "all"
    return subprocess.run([sys.executable, "-m", *PYTEST, f"--long={share}", *words], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
