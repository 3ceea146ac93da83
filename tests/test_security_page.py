"""Each threat of docs/security.md has its answer and a test that is there; so has each fault of docs/reliability.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import DOCS, ROOT

PAGE = (DOCS / "security.md").read_text("utf-8")
TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("test_*.py"))
FUNCTIONS = {name for path in FILES for name in re.findall(r"def (test_\w+)\(", path.read_text("utf-8"))}
NAMED = sorted({name for name in re.findall(r"`([^`]+)`", PAGE) if re.match(r"tests?[_/.]", name)})


def is_there(name: str) -> bool:
    """A test, a file of tests by its path or its name, a folder of them, or a command."""
    if name.endswith(".py"):
        return (ROOT / name).is_file() or name in {path.name for path in FILES}
    if name.startswith("tests."):
        module = TESTS.joinpath(*name.split()[0].split(".")[1:])
        return module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
    return name in FUNCTIONS or (ROOT / name).is_dir()


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_is_there(name: str) -> None:
    assert is_there(name)


def test_every_threat_has_a_test() -> None:
    """In tables whose last column is `test`; the first row of the attacks is no attack."""
    tables = re.findall(r"^\|[^\n]*\| test[^|\n]*\|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines() if not row.startswith("| nothing |")]
    assert len(tables) == 5 and len(rows) >= 50
    without = [row for row in rows if not re.search(r"`tests?[_/.]", row.rstrip("| ").rpartition("|")[2])]
    assert [row for row in without if "the same" not in row.rpartition("|")[0].rpartition("|")[2]] == []


def test_the_page_itself_is_one_that_is_looked_at() -> None:
    assert Path(__file__).name in PAGE


def test_what_the_page_of_reliability_names_is_there() -> None:
    page, files = (DOCS / "reliability.md").read_text("utf-8"), " ".join(f"{path.as_posix()} " for path in FILES)
    missing = [name for name in re.findall(r"[\w/]*test_\w+\.py", page) if f"/{name} " not in files]
    missing += [name for name in re.findall(r"`(test_\w+)`", page) if name not in FUNCTIONS]
    assert missing + [name for name in re.findall(r"tests\.\w+", page) if not is_there(name)] == []
    faults = page.partition("## Each fault that was found")[2].partition("\n\n")[0].splitlines()[3:]
    assert len(faults) >= 19 and [row for row in faults if not re.search(r"`[\w/]*test_", row)] == []
