"""docs/decisions.md lists sixteen traps of ACE-Step 1.5's public implementations: each has tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.paths import DOCS

ENGINE_TESTS = Path(__file__).parents[2]
HEADING = "### ACE-Step 1.5: sixteen traps"
ROW = re.compile(r"^\| (\d+) \| (.+?) \| .+? \| (`.+`) \|$", re.MULTILINE)


def test_every_trap_has_its_answer_and_tests_that_exist() -> None:
    section = (DOCS / "decisions.md").read_text(encoding="utf-8").split(HEADING)[1].split("\n### ")[0]
    rows = ROW.findall(section)
    assert [int(number) for number, _, _ in rows] == list(range(1, 17))
    for number, what, tests in rows:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", tests)
        assert named, f"trap {number}, {what}: no test"
        for file, name in named:
            text = (ENGINE_TESTS / file).read_text(encoding="utf-8")
            assert re.search(rf"def {name}\(", text), f"trap {number}, {what}: {file} has no {name}"
