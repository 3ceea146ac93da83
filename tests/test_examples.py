"""What README and docs show: each command parses with the program as it is, each name of Python is there.

`python -m tests.examples` runs them.
"""

from __future__ import annotations

import ast
import importlib

import pytest
import typer

from bridge.cli.command_table import commands_table, root
from bridge.cli.usage import UsageError
from tests.support.page_examples import Example, commands, commands_of, python_blocks
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def parse():
    """Parses words as the program does, and does nothing then."""
    whole = root()
    for command in _all(whole):
        command.callback = lambda **_: None
    for parameter in whole.params:  # --install-completion would write into the user's files
        parameter.callback = None
    return lambda words: whole.main(list(words), prog_name="acestep-bridge", standalone_mode=False)


def _all(group):
    for command in group.commands.values():
        yield from _all(command) if hasattr(command, "commands") else (command,)


def test_nothing_is_run_here(parse, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for words in (["text-to-audio", "calm", "-o", "a.wav"], ["rpp", "retake", "none.rpp"], ["jobs", "list"]):
        parse(words)
    assert list(tmp_path.iterdir()) == []


def test_every_command_of_the_pages_parses(parse):
    examples = commands()
    assert len(examples) > 60
    wrong = [f"{example.text}: {problem}" for example in examples if (problem := _problem(parse, example))]
    assert wrong == []


def _problem(parse, example: Example) -> str:
    words = [w for n, w in enumerate(example.words) if w != "..." or example.words[n - 1].startswith("--")]
    if words[0] in ("COMMAND", "WORDS"):
        return ""
    if words[0] in ("--install-completion", "--show-completion"):
        return "" if any(words[0] in parameter.opts for parameter in root().params) else "no such option"
    try:
        parse(words)
    except UsageError as error:
        is_part = not example.whole and type(error).__name__ in ("MissingParameter", "NoArgsIsHelpError")
        return "" if is_part else error.format_message()
    except (typer.Exit, SystemExit):
        return ""
    return ""


@pytest.mark.parametrize(
    "line",
    ["acestep-bridge inpaint", "acestep-bridge inpait a.wav", "acestep-bridge jobs list --all", "python3 run.py no"],
)
def test_a_command_that_does_not_parse_is_noticed(parse, line):
    (example,) = commands_of("page", f"```\n{line}\n```\n")
    assert _problem(parse, example)


def test_commands_are_found_in_blocks_and_sentences():
    text = (
        "Say `acestep-bridge jobs\nlist`.\n```\nA=b acestep-bridge serve --warm   # yes\n"
        "$ acestep-bridge recipe \\\n  a.wav | less\nshown\n```\n```json\nacestep-bridge no\n```\n"
    )
    found = list(commands_of("page", text))
    assert [example.words for example in found] == [("serve", "--warm"), ("recipe", "a.wav"), ("jobs", "list")]
    assert (found[1].output, found[1].piped, found[2].whole) == ("shown\n", True, False)


@pytest.mark.parametrize(("page", "source"), python_blocks())
def test_every_name_of_the_python_examples_is_there(page, source):
    tree = ast.parse(source)
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("bridge", "engine"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), node.module
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names if a.name in ("engine", "bridge")]
            modules |= {name: importlib.import_module(name) for name in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            assert hasattr(modules[node.value.id], node.attr), f"{page}: {node.value.id}.{node.attr}"


def test_the_table_of_commands_is_that_of_the_program():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert commands_table() in text, "run `python docs/make_commands.py`"
