"""What is printed, on streams that cannot take every letter; and what is said of words that are no command."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import printable

SHOWS = (
    "from bridge.cli.terminal import output as o; o.let_streams_take_every_name(); "
    "import sys, os; n = os.fsdecode({name!r}); "
)


def printed(code: str, name: bytes, encoding: str | None = None) -> bytes:
    """What a process writes to a pipe as standard output."""
    environment = {**os.environ, "PYTHONUTF8": "0"} | ({"PYTHONIOENCODING": encoding} if encoding else {})
    words = [sys.executable, "-c", SHOWS.format(name=name) + code]
    done = subprocess.run(words, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("encoding", "name", "expected"),
    [
        ("utf-8", "日本.wav".encode(), "日本.wav".encode()),
        ("cp1252", "日本.wav".encode(), rb"\u65e5\u672c.wav"),
        ("cp1252", "é.wav".encode(), "é.wav".encode("cp1252")),
        ("ascii", "é.wav".encode(), rb"\xe9.wav"),
        ("utf-8", b"caf\xe9.wav", b"caf\xe9.wav"),
        ("ascii", b"caf\xe9.wav", rb"caf\udce9.wav"),
    ],
)
def test_every_name_is_printed_somehow_and_exactly_where_that_can_be(encoding, name, expected):
    """Windows gives a redirected stdout cp1252: the file was written, then came a traceback and exit code 1."""
    assert printed("o.show(n)", name, encoding).strip() == expected
    assert printed("o.show(n)", name, f"{encoding}:strict").strip() == expected


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
@pytest.mark.parametrize("name", ["日本.wav".encode(), b"caf\xe9.wav", b"two\nlines\x1b[31m.wav"])
def test_json_holds_every_name_exactly(encoding, name):
    document = printed("o.print_json({'path': n})", name, encoding)
    assert os.fsencode(json.loads(document)["path"]) == name


@pytest.mark.parametrize("call", ["o.note(n)", "o.there(n, err=True)", "print(n, file=sys.stderr)"])
def test_standard_error_takes_every_name(call):
    printed(call, b"caf\xe9.wav", "ascii")


def test_a_name_does_not_steer_the_terminal():
    assert printable("a\x1b[31mb\x07\x9bc\rd\n\te", sys.stdout) == "a\\x1b[31mb\\x07\\x9bc\\rd\n\te"


def run(*words):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize(
    ("words", "field", "got"),
    [
        (["inpaint"], "SRC", "nothing"),
        (["inpaint", "a.wav", "--foo"], "--foo", "an unknown option"),
        (["jobs", "list", "--limit", "many"], "--limit", "integer"),
        (["jobs", "result"], "JOB", "nothing"),
        (["recipe", ""], "FILE", "an empty name"),
        (["again", ""], "FILE", "an empty name"),
        (["text-to-audio", "--tags", "x", "-o", ""], "--out", "an empty name"),
        (["jobs", "nothing"], None, "No such command 'nothing'"),
        (["nothing"], None, "No such command 'nothing'"),
    ],
)
def test_a_usage_error_is_one_json_document_under_json(words, field, got):
    done = run(*words, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"], error["field"]) == (2, "usage", field)
    assert got in error["got"] and error["expected"] and "--help" in error["remedy"] and error["message"]
    plain = run(*words)
    assert (plain.exit_code, plain.stdout) == (2, "") and "Error" in plain.stderr


def test_under_json_a_command_ends_as_it_would():
    assert run("--json", "--version").exit_code == 2
    assert run("schema", "nothing", "--json").exit_code == 2
    done = run("models", "list", "--json")
    assert (done.exit_code, "models" in json.loads(done.stdout)) == (0, True)


@pytest.mark.parametrize("words", [[], ["inpaint"], ["jobs"], ["jobs", "list"], ["rpp", "inpaint"], ["serve"]])
def test_h_is_help(words):
    assert run(*words, "-h").stdout == run(*words, "--help").stdout


@pytest.mark.parametrize("options", [["inpaint", ""], ["audio-to-audio", "", "--original-tags", "x"]])
def test_an_empty_source_is_named(options):
    done = run(*options, "--tags", "x", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["field"], error["got"]) == (2, "audio", "an empty name")


def test_a_name_of_one_dot_is_no_empty_name():
    assert str(file_path(".")) == "."
