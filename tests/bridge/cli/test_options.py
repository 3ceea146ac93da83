"""Options from fields, files from names, exit codes from errors, progress in words: no daemon, no model."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.options.option_groups import ORDER
from bridge.cli.options.request_options import option_name, request_from
from bridge.cli.renders.out_file import Outputs, Wish, format_of, numbered, place
from bridge.cli.renders.recipes import changes_of
from bridge.cli.terminal.output import Exit, as_called, exit_code_of
from bridge.cli.terminal.progress import JobDisplay, words_of
from bridge.cli.terminal.seam_words import seam_in_words
from bridge.protocol.errors import DaemonLost, DaemonNotRunning, ErrorContent, KeyFileError, failure
from bridge.protocol.messages import JobStatus, ModelName
from engine.atomic import WriteError
from engine.errors import Cancelled, CheckpointError, EngineError, InvalidRequest, OutOfMemory
from engine.requests import TASKS, fields_of


def run(*words):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("task", TASKS)
def test_every_field_is_an_option_of_its_task(task):
    text = run(task, "--help").stdout
    for name in fields_of(TASKS[task]):
        assert name == "audio" or option_name(name) in text


def test_help_begins_with_what_is_used_every_day_and_has_the_models_own_defaults():
    """The defaults shown were not nano's, and the expert's fields stood among the others."""
    text = run("inpaint", "--help").stdout
    order = ["--tags", "--start-bar", "--seed", "--out", "Tempo, key", "--tempo-map", "Sampler", "--number-of-steps"]
    assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)
    assert "[default: 15; nano: 5]" in text and "--channels 1,2" in " ".join(text.split())
    assert "[required" not in run("retake", "--help").stdout


@pytest.mark.parametrize("task", TASKS)
def test_every_field_has_its_place_in_the_help(task):
    assert set(fields_of(TASKS[task])) - {"audio"} <= set(ORDER)


def test_proposed_commands_are_those_that_can_be_typed():
    said = "Run `acestep-bridge reaper install`, see acestep-bridge text-to-audio --help; acestep-bridge is here"
    assert as_called(said, {}) == said
    typed = as_called(said, {"ACESTEP_BRIDGE_CALLED": "python3 run.py"})
    assert (
        typed == "Run `python3 run.py reaper install`, see python3 run.py text-to-audio --help; acestep-bridge is here"
    )


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from bridge.cli import app\n"
        "assert not {'torch', 'numpy', 'matplotlib', 'zmq', 'soundfile'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("seed", "7", 7),
        ("variance", "0.25", 0.25),
        ("context_seconds", "none", None),
        ("match_loudness", False, False),
        ("oss_steps", "1,5,12", [1, 5, 12]),
        ("channels", "[1, 2]", [1, 2]),
        ("client_data", '{"a": 1}', {"a": 1}),
        ("tags", "none", "none"),
    ],
)
def test_values_become_what_the_field_holds(field, text, value):
    request = request_from("inpaint", {"audio": "x.wav", "tags": "x", field: text})
    assert getattr(request, field) == value


def test_sources_become_absolute_unless_they_are_no_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert request_from("inpaint", {"audio": "x.wav", "tags": "x"}).audio == str(tmp_path / "x.wav")
    assert request_from("inpaint", {"audio": "sha256:ab", "tags": "x"}).audio == "sha256:ab"
    (tmp_path / "weights").mkdir()
    assert request_from("text-to-audio", {"model": "./weights", "tags": "x"}).model == str(tmp_path / "weights")


def test_the_format_is_the_names_ending(tmp_path):
    assert format_of(tmp_path / "a.FLAC", None, []) == "flac"
    with pytest.raises(InvalidRequest, match="same format twice"):
        format_of(tmp_path / "a.flac", "wav", [])
    with pytest.raises(InvalidRequest, match="never overwritten"):
        (tmp_path / "a.wav").touch()
        (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
        format_of(tmp_path / "link.wav", None, [tmp_path / "a.wav"])
    assert numbered(Path("out.wav"), 2) == Path("out-3.wav")


def test_a_file_is_placed_whole_or_not_at_all(tmp_path):
    (tmp_path / "made").write_bytes(b"new")
    target = tmp_path / "out.wav"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with pytest.raises(WriteError):
        place(tmp_path / "missing", target)
    assert target.read_bytes() == b"old"
    place(tmp_path / "made", target)
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "out.wav"]


def test_names_are_taken_before_the_render_and_given_back_without_one(tmp_path, monkeypatch):
    """Two renders at once wrote the same text-to-audio.wav, and one of them was gone."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "made"
    made.write_bytes(b"new")
    with Outputs(Wish(None, "clip"), "wav", 2) as first, Outputs(Wish(None, "clip"), "wav") as second:
        assert [path.name for path in first.paths] == ["clip.wav", "clip-2.wav"]
        assert [path.name for path in second.paths] == ["clip-3.wav"]
        assert second.put(0, made) == Path("clip-3.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip-3.wav", "made"]


@pytest.mark.parametrize("there", ["v.wav", "v-2.wav"])
def test_no_file_is_replaced_unasked(there, tmp_path):
    """`--variations` replaced out-2.wav of an earlier run; an empty file may be another command's that renders now."""
    (tmp_path / there).touch()
    with pytest.raises(InvalidRequest, match=f"{there}, which exists.*--force"):
        Outputs(Wish(tmp_path / "v.wav", ""), "wav", 2)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    (tmp_path / there).write_bytes(b"old")
    with Outputs(Wish(tmp_path / "v.wav", "", force=True), "wav", 2):
        assert (tmp_path / there).read_bytes() == b"old"
    assert (tmp_path / there).read_bytes() == b"old"


def test_a_name_may_fill_what_the_file_system_takes_and_no_more(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "made"
    made.write_bytes(b"new")
    longest = Path("\N{DRUM WITH DRUMSTICKS}" * 62 + "abc.wav")
    assert len(os.fsencode(longest)) == 255
    with Outputs(Wish(longest, ""), "wav") as outputs:
        assert outputs.put(0, made).read_bytes() == b"new"
    with pytest.raises(InvalidRequest, match="257 bytes"):  # the second result's number does not fit
        Outputs(Wish(longest, "", force=True), "wav", 2)
    assert longest.read_bytes() == b"new"
    with Outputs(Wish(None, "\N{DRUM WITH DRUMSTICKS}" * 63), "wav") as named:
        assert len(os.fsencode(named.paths[0])) == 204


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these file systems take no such bytes")
def test_a_name_that_is_not_utf_8_is_written_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made").write_bytes(b"new")
    with Outputs(Wish(Path(os.fsdecode(b"caf\xe9.wav")), ""), "wav") as outputs:
        outputs.put(0, tmp_path / "made")
    assert b"caf\xe9.wav" in os.listdir(b".")


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere/a.wav", "folder that exists"), ("made.wav/a.wav", "folder that exists"), ("sub.wav", "a file in")],
)
def test_what_cannot_be_written_is_said_before_the_render(name, words, tmp_path):
    (tmp_path / "made.wav").write_bytes(b"")
    (tmp_path / "sub.wav").mkdir()
    with pytest.raises(InvalidRequest, match=words):
        Outputs(Wish(tmp_path / name, "", force=True), "wav")


def test_a_full_disk_names_the_file_and_leaves_it_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "made").write_bytes(b"new")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with Outputs(Wish(tmp_path / "a.wav", ""), "wav") as outputs, pytest.raises(WriteError) as failed:
        outputs.put(0, tmp_path / "made")
    assert str(failed.value).count(str(tmp_path / "a.wav")) == 1 and "disk is full" in str(failed.value)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def wire(code):
    return failure(ErrorContent(code=code, message="words"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequest("a", "b", "c", "d"), Exit.BAD_INPUT),
        (wire("invalid_request"), Exit.BAD_INPUT),
        (wire("forbidden_path"), Exit.BAD_INPUT),
        (wire("unknown_job"), Exit.BAD_INPUT),
        (wire("not_finished"), Exit.BAD_INPUT),
        (KeyFileError("name"), Exit.BAD_INPUT),
        (wire("unknown_model"), Exit.NO_DAEMON_OR_MODEL),
        (wire("checkpoint"), Exit.NO_DAEMON_OR_MODEL),
        (wire("engine_unavailable"), Exit.NO_DAEMON_OR_MODEL),
        (DaemonNotRunning("here"), Exit.NO_DAEMON_OR_MODEL),
        (DaemonLost("gone"), Exit.NO_DAEMON_OR_MODEL),
        (CheckpointError("none"), Exit.NO_DAEMON_OR_MODEL),
        (wire("job_failed"), Exit.FAILED),
        (wire("engine_crashed"), Exit.FAILED),
        (wire("out_of_memory"), Exit.FAILED),
        (wire("disk_full"), Exit.FAILED),
        (wire("internal"), Exit.FAILED),
        (OutOfMemory("8 GB"), Exit.FAILED),
        (EngineError("device"), Exit.FAILED),
        (PermissionError(13, "no"), Exit.FAILED),
        (wire("job_cancelled"), Exit.CANCELLED),
        (Cancelled("cancelled"), Exit.CANCELLED),
    ],
)
def test_exit_codes(error, code):
    assert exit_code_of(error) is code


def status(**values):
    given = {"job_id": "j", "task": "inpaint", "state": "running", "public_state": "IN_PROGRESS", "sequence": 1}
    return JobStatus(**{**given, "model": ModelName(name="nano"), **values})


def test_progress_in_words():
    assert words_of(status(state="queued", queue_position=3)) == "queued, number 3"
    assert words_of(status(stage="denoise", step=9, steps=27)) == "denoising 9/27"
    assert words_of(status(stage="decode", cancelling=True)) == "cancelling"
    assert words_of(status(state="completed")) == "completed"


def test_without_a_terminal_progress_is_few_plain_lines(capsys):
    with JobDisplay("inpaint") as display:
        for step in range(1, 28):
            display.show(status(stage="denoise", step=step, steps=27, progress=step / 27, remaining_seconds=3.2))
    lines = capsys.readouterr().err.splitlines()
    assert 3 <= len(lines) <= 5
    assert lines[0] == "inpaint: denoising 1/27, about 3 s left, 4 %"


def test_on_a_terminal_progress_is_one_bar():
    import io

    from rich.console import Console

    text = io.StringIO()
    with JobDisplay("inpaint", Console(file=text, force_terminal=True, width=100)) as display:
        display.show(status(stage="denoise", step=9, steps=27, progress=0.4, remaining_seconds=90))
    assert "denoising 9/27, about 1 min 30 s left" in text.getvalue()


def test_the_seam_report_in_the_engines_words_or_as_numbers():
    assert seam_in_words({"score": 1.0, "words": ["No click."]}) == ["No click."]
    assert seam_in_words({"gain_db": 1.23456, "tilt": None}) == ["gain db: 1.23"]


@pytest.mark.parametrize("text", ["none", "null", "None", "NULL"])
def test_null_is_a_value_where_the_field_takes_it(text):
    """The help says "null: the whole file"; it was refused, in `again --set` and `rpp --set` as well."""
    assert request_from("inpaint", {"audio": "x.wav", "tags": "x", "context_seconds": text}).context_seconds is None
    assert changes_of("inpaint", [f"context-seconds={text}"]) == {"context_seconds": None}


@pytest.mark.parametrize("tags", ["", " ", ", ,,", ",", "\t,\n", "\u3001", " ; . "])
def test_tags_without_a_tag_are_none(tags):
    with pytest.raises(InvalidRequest, match="got no tags, expected at least one tag"):
        request_from("text-to-audio", {"tags": tags})


@pytest.mark.parametrize("task", TASKS)
def test_what_is_expected_is_a_sentence(task):
    """It said "a number seconds"."""
    for field in fields_of(TASKS[task]).values():
        assert not re.search(r"number (seconds|bpm|Hz)\b", field.expected), field.expected


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these systems' words are Unicode")
@pytest.mark.parametrize("name", ["tags", "model", "lyrics"])
def test_words_that_are_not_utf_8_are_named(name):
    with pytest.raises(InvalidRequest, match=rf"{name}: got caf\\xe9, expected text in UTF-8"):
        request_from("text-to-audio", {"tags": "x", name: os.fsdecode(b"caf\xe9")})
