"""Logs: a JSON object a line, put aside while they are written, without secrets; read, followed, packed for others."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.doctor import doctor_checks
from bridge.cli.doctor.known_secrets import known_secrets
from bridge.cli.doctor.report_file import write_report
from bridge.daemon.engine_output import EngineOutput
from bridge.jobs import Job, JobStore
from bridge.log import KEPT, LogFile, hide, set_up
from bridge.log_reading import PROCESSES, end_of, entries, follow, last, log_path
from bridge.protocol import keys
from bridge.protocol.errors import content_of
from bridge.protocol.home import Connection, Endpoints, make_home, write_connection
from bridge.protocol.linked import Linked, write_linked
from bridge.protocol.messages import ModelName

KEY = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(before):
        handler.close()
    root.handlers[:], root.level = before, level
    logging.captureWarnings(False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path))
    return tmp_path


def test_a_log_is_put_aside_while_it_is_written_and_followed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five files' worth of records: four files are left, none is longer than its limit, and a reader misses nothing."""
    monkeypatch.setattr("bridge.log.MOST_BYTES", 2000)
    monkeypatch.setattr("bridge.log_reading._LOOK_SECONDS", 0)
    set_up(log_path(home, "daemon"))
    logger, coming, heard = logging.getLogger("bridge.test"), follow(home, ["daemon"]), []
    for number in range(60):
        logger.warning("record %d", number)
        heard.append(next(coming).message)
    assert heard == [f"record {number}" for number in range(60)]
    files = sorted(path.name for path in home.glob("daemon.log*"))
    assert files == ["daemon.log", *(f"daemon.log.{number}" for number in range(1, KEPT + 1))]
    assert all(0 < path.stat().st_size <= 2000 for path in home.glob("daemon.log*"))
    kept = [entry.message for entry in entries(home, "daemon")]
    assert kept == heard[-len(kept) :] and len(kept) > 30
    if os.name == "posix":
        assert stat.S_IMODE(log_path(home, "daemon").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_renamed_is_copied_and_emptied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, while another program has it open."""

    def locked(source: object, target: object) -> None:
        raise PermissionError

    log = LogFile(log_path(home, "daemon"))
    log.maxBytes = 300
    monkeypatch.setattr("bridge.log.os.replace", locked)
    for number in range(4):
        log.handle(logging.makeLogRecord({"msg": f"record {number}", "levelname": "INFO"}))
    log.close()
    assert [entry.message for entry in entries(home, "daemon")] == [f"record {number}" for number in range(4)]


def test_what_an_engine_writes_is_in_its_log_record_by_record(home: Path) -> None:
    program = (
        "import logging, sys; from bridge.log import LogFormatter, set_up; set_up(None, 'info', LogFormatter())\n"
        "logging.getLogger('engine').warning('one')\nprint('raw \\x1b[31m words')\n"
        "logging.getLogger('engine').error('two', exc_info=ValueError('why'))"
    )
    child = subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert child.stdout is not None
    output = EngineOutput(log_path(home, "engine"), child.stdout, child.pid)
    assert child.wait() == 0
    output.finish()
    found = {entry.message: entry for entry in entries(home, "engine")}
    assert set(found) == {"one", "two", "raw \x1b[31m words"}
    assert found["one"].level == "warning" and "ValueError: why" in found["two"].traceback
    assert "ValueError: why" in end_of(home, "engine", 500)
    assert b"\x1b" not in log_path(home, "engine").read_bytes()


def test_levels_and_secrets(home: Path) -> None:
    set_up(log_path(home, "osc"), "warning")
    hide(KEY, "")
    logging.getLogger("bridge.osc").info("not this")
    logging.getLogger("bridge.osc").error("the key is %s", KEY, exc_info=ValueError(KEY))
    (entry,) = entries(home, "osc")
    assert entry.message == "the key is [secret]" and KEY not in log_path(home, "osc").read_text()


def test_logs_of_all_processes_are_shown_by_time(home: Path) -> None:
    for number, process in enumerate(PROCESSES[:3]):
        line = {"time": f"2026-11-2{number}T10:00:00+00:00", "level": ("info", "error")[number % 2], "message": process}
        log_path(home, process).write_text(json.dumps(line) + "\n")
    log_path(home, "reaper").write_text("2026-11-01 10:00:00 problem: no tags\n")
    shown = CliRunner().invoke(app, ["logs", "--json"])
    told = [(entry["process"], entry["message"]) for entry in json.loads(shown.stdout)["entries"]]
    assert told == [("reaper", "problem: no tags"), *((name, name) for name in PROCESSES[:3])]
    assert [
        line.split()[2:] for line in CliRunner().invoke(app, ["daemon", "logs", "-n", "1"]).stdout.splitlines()
    ] == [["engine", "error", "engine"]]
    assert CliRunner().invoke(app, ["logs", "--level", "error"]).stdout.count("\n") == 1
    assert CliRunner().invoke(app, ["logs", "printer"]).exit_code == 2
    assert [entry.message for entry in last(home, "daemon", 5)] == ["daemon"]


def with_every_secret(home: Path) -> list[str]:
    """A home folder in which each file that holds a key is there; the secrets, as they were made."""
    pytest.importorskip("cryptography")
    from bridge.gateway.certificates import certificate_of
    from bridge.gateway.secret_files import secrets_of

    own, server = keys.own_pair(home), keys.server_pair(home)
    keys.allow(home, "laptop", own.public)
    endpoints = Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")
    link = keys.link(home, "laptop", endpoints)
    keys.write_link(home / "curve" / "laptop.link.json", link)
    write_connection(home, Connection(endpoints=endpoints, key=KEY))
    linked = Linked(endpoints=endpoints, key="1" * 64, events_key="2" * 64, name="box", model=ModelName(name="nano"))
    write_linked(home, linked)
    gateway = secrets_of(make_home(home / "gateway"))
    files = certificate_of(home / "gateway" / "tls", ["localhost"])
    private = [line for line in files.key.read_text().splitlines() if "-----" not in line]
    (home / "gateway" / "running.json").write_text(json.dumps({"url": "x", "key": gateway.key, "pid": 1}))
    return [
        own.secret, server.secret, link.key, link.events_key, KEY, "1" * 64, "2" * 64, gateway.key,
        gateway.signing.hex(), *private,
    ]  # fmt: skip


def test_a_report_holds_what_helps_and_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key of the folder is put into everything that is packed: none of them comes out."""
    monkeypatch.setenv("ACESTEP_PROMPT_KEY", "sk-prompt-0123456789")
    monkeypatch.setenv("ACESTEP_PROMPT_URL", "https://me:pass@example.org/v1")
    monkeypatch.setattr("pathlib.Path.home", lambda: home.parent)
    secrets = [*with_every_secret(home), "sk-prompt-0123456789"]
    store = JobStore(home / "jobs.sqlite3")
    store.add(Job(job_id="a-1", task="text-to-audio", request={"tags": "my song", "seed": 7, "audio": "/music/x.wav"}))
    store.log("a-1", "error", " ".join(secrets))
    store.close()
    for name in (*(f"{process}.log" for process in PROCESSES), "daemon.err", "engine.log.1"):
        (home / name).write_text(f"opened {home}/song.wav\n" + json.dumps({"message": "\n".join(secrets)}) + "\n")
    path = write_report(home / "out.zip", home, [{"name": "Python", "text": " ".join(secrets)}], False)
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"report.json", "jobs.json", "logs/daemon.log", "logs/daemon.err", "logs/engine.log.1"} <= set(texts)
    found = [(name, secret) for name, text in texts.items() for secret in secrets if secret in text]
    assert found == [] and "[secret]@example.org" in texts["report.json"]
    assert not any(str(home.parent) in text for text in texts.values())
    record, about = json.loads(texts["jobs.json"])[0], json.loads(texts["report.json"])
    assert record["request"] == {"tags": "(str, 7 characters)", "seed": 7, "audio": "(str, 12 characters)"}
    assert about["packages"]["numpy"] and about["checks"][0]["name"] == "Python"
    assert any("jobs.sqlite3" in line for line in about["files"])
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(known_secrets(home)) >= set(secrets)


def test_the_command_writes_it_and_replaces_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "all_checks", lambda model: iter([doctor_checks.Check("Python", True, "3.11")]))
    out = home / "mine.zip"
    done = CliRunner().invoke(app, ["doctor", "--report", str(out), "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["report"] == str(out) and zipfile.is_zipfile(out)
    again = CliRunner().invoke(app, ["doctor", "--report", str(out)])
    assert again.exit_code == 2 and "exists" in again.stderr
    assert CliRunner().invoke(app, ["doctor", str(out)]).exit_code == 2
    assert "doctor --report" in content_of(RuntimeError("a fault")).remedy
    monkeypatch.chdir(home)
    assert CliRunner().invoke(app, ["doctor", "--report"]).exit_code == 0
    assert list(home.glob("acestep-report-*.zip"))
