"""The stand-in's signatures against ReaImGui's own source: `ACESTEP_REAIMGUI=FOLDER` names a copy of its repository."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.reaper import panel_window

FAKE = Path(panel_window.__file__).parent / "panel" / "imgui.lua"
SOURCE = Path(os.environ.get("ACESTEP_REAIMGUI", "-")) / "api"
LETTERS = (("Context*", "c"), ("char*", "s"), ("double", "d"), ("bool", "b"), ("int", "i"))
DEFINED = re.compile(r"API_FUNC\([\d_]+, *[\w* ]+?, *(\w+),\s*((?:\([^()]*\)\s*)+),")


def letters(arguments: str) -> str:
    """The letters of what Lua hands over: C's pure outputs are results there, `RO` and `RWO` may be left out."""
    found = ""
    for argument in re.findall(r"\(([^()]*)\)", arguments):
        c_type = argument.partition(",")[0]
        if c_type.startswith(("W<", "WBS<", "RWBS<")):
            continue
        if c_type.startswith(("RO<", "RWO<")) and "?" not in found:
            found += "?"
        found += next((letter for name, letter in LETTERS if name in c_type), "x")
    return found


@pytest.mark.skipif(not SOURCE.is_dir(), reason="ACESTEP_REAIMGUI does not name a copy of ReaImGui's repository")
def test_they_are_reaimguis() -> None:
    text = "".join(path.read_text("utf-8") for path in sorted(SOURCE.glob("*.cpp")))
    defined = {name: letters(arguments) for name, arguments in DEFINED.findall(text)}
    fake = FAKE.read_text("ascii")
    signatures = re.findall(r"(\w+) = '([a-z?]+)'", fake.partition("local SIGNATURES = {")[2].partition("\n}")[0])
    constants = re.findall(r"(\w+) = \d+", fake.partition("local CONSTANTS = {")[2].partition("}")[0])
    assert len(signatures) >= 28 and len(constants) == 3
    wrong = {name: (ours, defined.get(name)) for name, ours in signatures if not defined.get(name, "").startswith(ours)}
    assert wrong == {}
    assert [name for name in constants if not re.search(rf"API_ENUM\([\d_]+, *{name},", text)] == []
