"""Every `RPR_*` call of the scripts against REAPER's header; sources ASCII, Python 3.8, standard library only."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path

import pytest

from tests.support.paths import SCRIPTS
from tests.support.reaper.contract import builtins, functions, shim_source
from tests.support.reaper.fake import FakeReaper
from tests.support.reaper.fake.core import VALIDATED

SOURCES = sorted(SCRIPTS.rglob("*.py"))
ENTRIES = sorted(SCRIPTS.glob("*.py"))


def calls(path: Path) -> list[tuple[str, int, int]]:
    """(name, arguments, line) of each RPR_ call of a source."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="ascii"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name.startswith("RPR_"):
                found.append((name, len(node.args), node.lineno))
    return found


def problem(name: str, arity: int) -> str:
    """What is wrong with a call, or an empty text."""
    if name in builtins():
        return "" if arity == builtins()[name] else f"{arity} arguments, expected {builtins()[name]}"
    function = functions().get(name.removeprefix("RPR_"))
    if function is None:
        return "no such function"
    if not function.exposed:
        return "not exposed to Python in REAPER 7.40"
    if function.name == "ValidatePtr":
        return "takes no pointer text: use pointers.valid"
    pairs = zip(function.types, function.letters, strict=True)
    if lost := [t for t, letter in pairs if letter == "P" and t not in VALIDATED]:
        return f"REAPER's module passes NULL for {lost[0]}: call it through rpr_getfp"
    return "" if arity == function.arity else f"{arity} arguments, expected {function.arity}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_calls_agree_with_the_header(path):
    wrong = [f"line {line}: {name}: {problem(name, n)}" for name, n, line in calls(path) if problem(name, n)]
    assert wrong == []


def test_the_check_finds_what_it_looks_for():
    assert problem("RPR_CountTracks", 0) == "0 arguments, expected 1"
    assert problem("RPR_NoSuchThing", 0) == "no such function"
    assert problem("RPR_GetSetMediaItemTakeInfo", 3) == "not exposed to Python in REAPER 7.40"
    assert problem("RPR_defer", 1) == ""
    for name, arity in (("ValidatePtr2", 3), ("DestroyAudioAccessor", 1), ("GetSetRegionOrMarkerInfo_String", 5)):
        assert problem("RPR_" + name, arity) != ""
    assert "pointers.valid" in problem("RPR_ValidatePtr", 2)
    assert sum(len(calls(p)) for p in SOURCES) > 60


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_source_is_ascii_python_3_8_and_standard_library(path):
    text = path.read_bytes().decode("ascii")
    tree = ast.parse(text, feature_version=(3, 8))
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or top in ("reaper_python", "acestep_reaper"), name
            assert top not in ("threading", "multiprocessing", "asyncio", "tkinter"), f"{name}: no threads here"
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") != "print", "print goes nowhere in REAPER"


@pytest.mark.parametrize("path", ENTRIES, ids=lambda p: p.stem)
def test_entry_script_has_a_reapack_header_and_never_defers(path):
    text = path.read_text(encoding="ascii")
    assert re.search(r"^# @version \d+\.\d+\.\d+$", text, re.M)
    assert re.search(r"^# @description \S", text, re.M)
    assert path.name.startswith("acestep_")
    assert "RPR_defer" not in text


def test_the_fake_answers_only_what_the_header_knows():
    for name in FakeReaper.handlers():
        function = functions()[name]
        inspect.signature(getattr(FakeReaper, name)).bind(None, *range(function.arity))


def test_every_call_of_the_scripts_is_answered_by_the_fake():
    used = {name.removeprefix("RPR_") for path in SOURCES for name, _, _ in calls(path)} - {"defer", "atexit"}
    assert used - set(FakeReaper.handlers()) == set()


def test_functions_called_through_their_address_are_known():
    """`pointers.function` gets as many argument types as the header has."""
    found = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="ascii"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "function":
                found[node.args[0].value] = node.args[2:]
    assert set(found) >= {"ValidatePtr", "DestroyAudioAccessor", "EnumProjectMarkers3", "GetAudioAccessorSamples"}
    for name, types in found.items():
        starred = any(isinstance(t, ast.Starred) for t in types)
        assert name in FakeReaper.handlers() and (starred or len(types) == functions()[name].arity), name


def test_the_shim_compiles_and_holds_every_exposed_function():
    module = ast.parse(shim_source())
    defined = {n.name for n in module.body if isinstance(n, ast.FunctionDef)}
    exposed = {f"RPR_{n}" for n, f in functions().items() if f.exposed}
    assert len(exposed) == 711 and exposed <= defined


def test_suggested_keys_are_none_that_reaper_uses():
    """Region from selection, routing matrix and others; what is free is told in docs/decisions.md."""
    page = (SCRIPTS.parent / "docs" / "reaper.md").read_text(encoding="utf-8")
    table = page.partition("## Key bindings to consider")[2].partition("None is set")[0]
    keys = [key for row in re.findall(r"^\| (`.*?) \|", table, re.M) for key in re.findall(r"`(.+?)`", row)]
    used = {"R", "Shift+R", "Ctrl+R", "Alt+R", "Alt+C", "Ctrl+Shift+C", "Alt+D", "Alt+M", "Alt+Left", "Alt+Right"}
    assert len(keys) == len(set(keys)) == 9 and not used & set(keys)
