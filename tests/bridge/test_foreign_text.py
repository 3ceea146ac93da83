"""What others wrote steers no terminal and no log, and comes unchanged where it is data."""

from __future__ import annotations

import io
import json
import logging

import pytest

from bridge.cli.output import note, print_json, show
from bridge.foreign_text import LogFormatter, shown

EVIL = "a\x1b]0;title\x07b\x9b2Jc\x7f\u202egnp.exe\u2028d\re"


def test_escapes_are_written_out() -> None:
    assert shown(EVIL) == r"a\x1b]0;title\x07b\x9b2Jc\x7f\u202egnp.exe\u2028d\re"
    assert shown("日本 björn\t\n") == "日本 björn\t\n"


def test_nothing_of_it_reaches_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(EVIL)
    note(EVIL)
    print_json({"tags": EVIL})
    out, err = capsys.readouterr()
    assert shown(out) == out and shown(err) == err
    assert json.loads(out[out.index("{") :]) == {"tags": EVIL}


def test_a_log_line_stays_one_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogFormatter("%(levelname)s %(message)s"))
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "%s", (f"{EVIL}\nERROR forged",), None))
    assert stream.getvalue() == "INFO " + shown(EVIL) + "\\nERROR forged\n"
