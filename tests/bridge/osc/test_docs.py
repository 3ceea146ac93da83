"""docs/osc.md: the table is the code's, and every message of its recipes is one that the controller takes."""

from __future__ import annotations

import re
import shlex

from bridge.midi.meanings import parse
from bridge.osc.address_space.addresses import Kind, address_table, markdown_table
from bridge.osc.address_space.values import checked, split_serial
from bridge.osc.controls.state import Controls
from tests.support.paths import DOCS

DOCS = (DOCS / "osc.md").read_text("utf-8")
TABLE = address_table()


def blocks(language: str) -> list[str]:
    """The lines of the fenced blocks of a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)
    return [line for block in found for line in block.splitlines()]


def number(word: str):
    return float(word) if re.fullmatch(r"-?\d+\.\d*", word) else int(word) if re.fullmatch(r"-?\d+", word) else word


def taken(path: str, *arguments) -> None:
    """The controller takes this message: address, types, range."""
    address = TABLE[path]
    assert address.kind is not Kind.FEEDBACK
    values, _ = split_serial(address, arguments) if address.kind is not Kind.CONTROL else (arguments, None)
    checked(address, values)
    if address.kind is Kind.CONTROL:
        controls = Controls()
        controls.check(path.removeprefix("/acestep/"), values)


def test_the_docs_hold_the_table_of_the_code():
    found = re.search(r"\| address \|.*?(?=\n\n)", DOCS, re.DOTALL)
    assert found is not None
    assert found[0] == markdown_table(), (
        "docs/osc.md is not up to date: python -m bridge.osc.address_space.addresses prints the table"
    )


def test_every_message_of_max_and_companion_is_taken():
    lines = blocks("max") + blocks("companion")
    assert len(lines) >= 14
    for line in lines:
        path, *words = shlex.split(line)
        taken(path, *map(number, words))


def test_every_message_of_supercollider_is_taken():
    lines = [line for line in blocks("supercollider") if "sendMsg" in line]
    assert len(lines) >= 5
    for line in lines:
        text = re.findall(r'"[^"]*"|-?\d+\.?\d*', re.search(r"sendMsg\((.*)\);", line)[1])
        path, *words = (word.strip('"') if word.startswith('"') else number(word) for word in text)
        taken(path, *words)


def test_every_message_of_pure_data_is_taken():
    lines = blocks("pd")
    assert lines
    for line in lines:
        values, names = re.fullmatch(r"\[(.*)\( -> \[oscformat (.*)\]", line).groups()
        taken("/" + names.replace(" ", "/"), *([] if values == "bang" else [float(v) for v in values.split()]))


def test_every_line_of_oscsend_is_taken():
    lines = [line for line in DOCS.splitlines() if line.startswith("oscsend localhost 9725 ")]
    assert len(lines) >= 4
    for line in lines:
        path, *rest = shlex.split(line)[3:]
        tags, words = (rest[0], rest[1:]) if rest else ("", [])
        kinds = {"i": int, "f": float, "s": str}
        taken(path, *(kinds[tag](word) for tag, word in zip(tags, words, strict=True)))


def test_every_meaning_that_the_docs_learn_can_be_learnt():
    lines = [line for line in DOCS.splitlines() if line.startswith("acestep-bridge midi learn ")]
    assert len(lines) >= 6
    for line in lines:
        parse(re.split(r"\s{2,}| --", line.removeprefix("acestep-bridge midi learn "))[0])
