"""What others wrote steers nothing that shows it, wherever it reaches a person."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from bridge.ardour.spool import Spool
from bridge.cli.terminal.output import note, print_json, show, show_faults_plainly
from bridge.cli.terminal.progress import JobDisplay
from bridge.foreign_text import in_one_line, shown
from bridge.log import LogFormatter
from bridge.osc.transport.packets import decode, encode
from bridge.protocol.messages import JobStatus, ModelName
from bridge.rpp.errors import ProjectRefused
from bridge.rpp.text import quote
from tests.support.paths import ROOT, SCRIPTS

EVIL = "a\x1b]0;title\x07b\x9b2Jc\x7f\u202egnp.exe\u2028d\re"
PAGE = ROOT / "bridge" / "gateway" / "page"


def test_escapes_are_written_out() -> None:
    assert shown(EVIL) == r"a\x1b]0;title\x07b\x9b2Jc\x7f\u202egnp.exe\u2028d\re"
    assert shown("日本 björn\t\n") == "日本 björn\t\n"


def test_scripts_and_page_have_the_same_rule() -> None:
    spec = importlib.util.spec_from_file_location("scripts_text", SCRIPTS / "acestep_reaper" / "foreign_text.py")
    assert spec is not None and spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    every = [chr(code) for code in range(0x3000)]
    assert [theirs.shown(sign) for sign in every] == [shown(sign) for sign in every]
    assert theirs.in_one_line("a\nb") == in_one_line("a\nb")
    in_page = re.search(r"const STEERING = /(\[.*\])/g;", (PAGE / "dom.js").read_text("utf-8"))
    assert in_page is not None
    assert [bool(re.match(in_page[1], sign)) for sign in every] == [shown(sign) != sign for sign in every]


def test_nothing_of_it_reaches_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    show(EVIL)
    note(EVIL)
    print_json({"tags": EVIL})
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    show_faults_plainly()
    error = ValueError(EVIL)
    sys.excepthook(ValueError, error, error.__traceback__)
    status = JobStatus(
        job_id="a", task="inpaint", state="running", public_state="IN_PROGRESS", sequence=1, stage=EVIL, steps=2,
        model=ModelName(name="a"),
    )  # fmt: skip
    with JobDisplay(EVIL) as display:
        display.show(status)
        display.say(EVIL)
    out, err = capsys.readouterr()
    assert shown(out) == out and shown(err) == err and err.count(shown(EVIL)) >= 4
    assert json.loads(out[out.index("{") :]) == {"tags": EVIL}


def test_words_on_the_command_line_that_are_none_are_shown() -> None:
    """A shell's * writes names of files there."""
    done = subprocess.run([sys.executable, "-m", "bridge.cli", "jobs", EVIL], capture_output=True, text=True)
    assert done.returncode == 2 and shown(EVIL) in done.stderr and shown(done.stderr) == done.stderr


def test_a_log_line_stays_one_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogFormatter())
    try:
        raise ValueError(f"{EVIL}\nERROR forged")
    except ValueError:
        failed = sys.exc_info()
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "%s", (f"{EVIL}\nERROR forged",), failed))
    written = stream.getvalue()
    assert written.count("\n") == 1 and shown(written) == written
    assert "".join(traceback.format_exception(*failed)).strip() in json.loads(written)["traceback"]


def test_surfaces_and_ardour_are_told_what_they_can_show(tmp_path: Path) -> None:
    assert decode(encode("/acestep/error", EVIL))[0].arguments == (shown(EVIL),)
    Spool(tmp_path / "a.request").finish("failed", message=EVIL)
    text = (tmp_path / "a.result").read_bytes().decode()
    assert shown(text) == text and text.count("\n") == 2


@pytest.mark.parametrize("word", ["a\nTAKE", "a\r>", "a\x00"])
def test_a_name_begins_no_line_of_a_project_file(word: str) -> None:
    with pytest.raises(ProjectRefused, match="line end"):
        quote(word)


# Where text goes to a person, and the function that it goes through in that line or in the lines around it
SINKS = {
    SCRIPTS: (
        r'RPR_(Help_Set|TrackCtl_SetToolTip|MB|ShowConsoleMsg|GetUserInputs|Undo_EndBlock2?)\((?!"")|stream\.write\("%s'
        r'|set_take_text\(take, "P_NAME"|String\([^\n]*"P_NAME", [^"]',
        r"shown\(|in_one_line\(|values, 16384",
    ),
    ROOT / "bridge" / "cli": (
        r"\bprint\((?!json)|typer\.(echo|secho)\(",
        r"shown\(|printable\(|print_json|\{title\}: \{percent\}|_title|version\(|\(text, flush|typer\.echo\(text, nl",
    ),
    ROOT / "bridge" / "set_up": (r"\bprint\(", r"shown\("),
}
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc")


@pytest.mark.parametrize("folder", SINKS, ids=lambda folder: folder.name)
def test_every_way_to_a_person_goes_through_it(folder: Path) -> None:
    sink, through = SINKS[folder]
    found = [
        (path.name, line.strip())
        for path in folder.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.search(sink, line) and not line.strip().startswith(("#", '"', "def "))
    ]
    assert found and [one for one in found if not re.search(through, one[1])] == []


def test_the_page_makes_no_markup_of_text() -> None:
    ours = list(PAGE.glob("*.js"))
    assert ours and [path.name for path in ours if MARKUP.search(path.read_text("utf-8"))] == []
    raw = [(path.name, found) for path in ours for found in re.findall(r"\.textContent = .*", path.read_text("utf-8"))]
    words = re.compile(r"\b(msg|message|tags|name|text|detail)\b")
    assert [one for one in raw if "shown(" not in one[1] and words.search(one[1])] == []
