"""Commands that need no daemon: doctor, models, keys, reaper, schema, and how they end."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.doctor import doctor_checks as checks
from bridge.demo.full_model import duration_words, expected_seconds
from bridge.jobs import Job, JobStore
from bridge.protocol import keys
from bridge.protocol.home import Endpoints
from bridge.protocol.linked import Linked, write_linked
from bridge.protocol.messages import ModelName
from bridge.system import processor_rates
from bridge.system.processor_rates import ProcessorRates
from engine.extras import how_to_install
from engine.requests import TASKS

NANO = ModelName(name="nano")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_schema_is_json_for_one_task_and_for_all():
    assert json.loads(run("schema", "inpaint").stdout)["properties"]["task"] == {"const": "inpaint"}
    assert set(json.loads(run("schema").stdout)) == set(TASKS)
    unknown = run("schema", "repaint")
    assert unknown.exit_code == 2
    assert "inpaint" in unknown.stderr


def test_models_list_says_what_is_here_and_how_to_get_the_rest():
    text = run("models", "list").stdout
    assert "nano: small test model" in text
    assert "models pull ace-step-v1" in text
    assert "Apache-2.0" in text
    entries = {e["name"]: e for e in json.loads(run("models", "list", "--json").stdout)["models"]}
    assert entries["ace-step-v1"]["installed"] is False
    assert 8.0e9 < entries["ace-step-v1"]["size_bytes"] < 8.6e9


def test_models_that_cannot_be_pulled_or_verified_end_with_3():
    unknown = run("models", "pull", "gpt")
    assert (unknown.exit_code, "ace-step-v1" in unknown.stderr) == (3, True)
    missing = run("models", "verify", "ace-step-v1")
    assert missing.exit_code == 3
    assert "models pull ace-step-v1" in missing.stderr


def test_a_model_of_the_package_is_here_already():
    done = run("models", "pull", "nano")
    assert (done.exit_code, "nano is here already" in done.stdout) == (0, True)
    assert json.loads(run("models", "pull", "nano", "--json").stdout)["path"].endswith("nano")


def test_a_damaged_model_is_told_file_by_file(tmp_path):
    (tmp_path / "weights").mkdir()
    done = run("models", "verify", tmp_path / "weights")
    assert done.exit_code == 3
    assert "pulled.json" in done.stderr


def test_keys_let_a_client_in_and_out_again():
    public = json.loads(run("keys", "new", "--json").stdout)["public"]
    assert len(public) == 40
    assert run("keys", "new").stdout.strip() == public
    assert not public.startswith("-")  # it would be an option of `keys allow`
    assert run("keys", "allow", "laptop", public).exit_code == 0
    assert json.loads(run("keys", "list", "--json").stdout)["clients"] == {"laptop": public}
    assert run("keys", "revoke", "laptop").exit_code == 0
    assert "laptop" not in run("keys", "list").stdout
    assert run("keys", "revoke", "laptop").exit_code == 2
    assert run("keys", "allow", "laptop", "no key").exit_code == 2
    assert run("keys", "allow", "../laptop", public).exit_code == 2


def test_reaper_commands_say_where_reaper_is_missing(tmp_path):
    status = run("reaper", "status")
    assert status.exit_code == 1
    assert "--resource-path" in status.stdout
    for command in ("install", "uninstall"):
        done = run("reaper", command, "--resource-path", tmp_path / "nowhere")
        assert done.exit_code == 2
        assert "Traceback" not in done.stderr


RATES = ProcessorRates(1e11, 2e11, 5e11)
JOB = {"job": "10 s region", "mode": "tiled", "expected_bytes": 3e9, "room_bytes": 4e9}


def test_doctor_names_every_check_and_the_remedy(monkeypatch):
    monkeypatch.setattr(checks, "_probe_torch", lambda: {"version": "2.13.0", "device": "cpu"})
    monkeypatch.setattr(checks, "_rates", lambda: RATES)
    monkeypatch.setattr(checks, "_probe_memory", lambda folder: [JOB])
    done = run("doctor", "--json", "--report", "--model", "gpt")
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert {"Python", "packages", "PyTorch", "model", "disk", "daemon", "REAPER scripts"} <= set(found)
    assert done.exit_code == 3
    assert not found["model"]["ok"]
    assert found["model"]["remedy"]
    assert found["daemon"]["remedy"].endswith("acestep-bridge serve")
    assert json.loads(done.stdout)["logs"] == {"daemon.log": [], "engine.log": []}


def test_doctor_says_how_fast_this_machine_was(home, monkeypatch):
    home.mkdir()
    store = JobStore(home / "jobs.sqlite3", clock=iter(range(1000)).__next__)
    audio = {"path": "x.wav", "samples": 480000, "sample_rate": 48000}
    made = {"model": {"name": "nano"}, "audio": audio, "report": {"window": [0, 960000]}}
    with store.transaction():
        job = store.add(Job(job_id="", task="inpaint", request={}, model="nano"))
        store.change(job, "running")
        job.result = [made]
        store.change(job, "completed")
    took = job.finished - job.started
    store.close()
    monkeypatch.setattr(checks, "_probe_torch", lambda: {"version": "2.13.0", "device": "cpu"})
    monkeypatch.setattr(checks, "_rates", lambda: RATES)
    monkeypatch.setattr(checks, "_probe_memory", lambda folder: [JOB])
    text = run("doctor").stdout
    assert f"nano: {20 / took:.1f} s of audio a second" in text
    assert "ace-step-v1, 10 s with 10 s on each side: about" in text
    took = expected_seconds("cpu", 2, 30.0, RATES, "ace-step-1.5")
    assert f"ace-step-1.5, 10 s with 10 s on each side: {duration_words(took)} (from products measured here" in text
    assert "ace-step-1.5 is the one for this machine" in text and "2.5 times as fast here" in text


def test_rates_are_kept_for_this_machine_and_this_pytorch(tmp_path, monkeypatch):
    assert processor_rates.kept_rates(tmp_path) is None
    processor_rates.keep_rates(tmp_path / "home", RATES)
    assert processor_rates.processor_rates(tmp_path / "home") == RATES
    monkeypatch.setattr(processor_rates, "processor_name", lambda: "another")
    assert processor_rates.kept_rates(tmp_path / "home") is None


def test_without_a_daemon_jobs_are_read_from_the_store(home):
    assert run("jobs", "list").exit_code == 3
    home.mkdir()
    store = JobStore(home / "jobs.sqlite3")
    done, left = (store.add(Job(job_id="", task=task, request={}, model="nano")) for task in ("retake", "inpaint"))
    store.change(done, "running")
    store.change(done, "cancelled")
    store.log(done.job_id, "info", "cancelled")
    store.change(left, "running")
    store.close()
    listed = run("jobs", "list")
    assert listed.exit_code == 0
    assert "No daemon answers" in listed.stderr and "acestep-bridge serve" in listed.stderr
    newest, oldest = listed.stdout.splitlines()
    assert newest.startswith(left.job_id) and newest.endswith("running (interrupted)")
    assert oldest.startswith(done.job_id) and oldest.endswith("cancelled")
    assert [j["state"] for j in json.loads(run("jobs", "list", "--json", "--state", "cancelled").stdout)["jobs"]] == [
        "cancelled"
    ]
    assert "cancelled" in run("jobs", "logs", done.job_id).stdout
    assert run("jobs", "show", left.job_id).exit_code == 0
    assert run("jobs", "result", done.job_id).exit_code == 130
    assert run("jobs", "show", "nobody").exit_code == 2
    assert run("jobs", "cancel", left.job_id).exit_code == 3


def test_doctor_tells_a_client_that_its_other_machine_does_not_answer(home, monkeypatch):
    home.mkdir()
    endpoints = Endpoints("tcp://127.0.0.1:9", "tcp://127.0.0.1:10")
    pair = keys.server_pair(home)
    link = Linked(endpoints=endpoints, key="0" * 64, server_public=pair.public, client="me", name="gpubox", model=NANO)
    write_linked(home, link)
    monkeypatch.setattr(checks, "LINK_SECONDS", 0.3)
    found = {check["name"]: check for check in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert not found["rendering"]["ok"] and "docs/remote.md" in found["rendering"]["remedy"]
    assert "PyTorch" not in found


def test_a_report_hides_the_users_folder(home, monkeypatch):
    home.mkdir()
    (home / "daemon.log").write_text(f"opened {home.parent}/music/song.wav\n")
    monkeypatch.setattr(checks, "_probe_torch", lambda: {"version": "2.13.0", "device": "cpu"})
    monkeypatch.setattr(checks, "_rates", lambda: RATES)
    monkeypatch.setattr(checks, "_probe_memory", lambda folder: [JOB])
    text = run("doctor", "--report").stdout
    assert "~/music/song.wav" in text
    assert "memory mode: 10 s region: tiled, peak of 3.0 GB expected, 4.0 GB free" in text
    assert f"{home.parent}/music" not in text


def test_checks_tell_what_is_wrong():
    old = checks.python_check((3, 9, 1))
    assert (old.ok, "3.11" in old.remedy) == (False, True)
    missing = checks.packages_check("packages", ("numpy", "no-such-package-here"))
    assert (missing.ok, missing.text) == (False, "missing: no-such-package-here")
    assert not checks.torch_check(subprocess.CalledProcessError(1, "python")).ok
    cuda = {"version": "2.13", "device": "cuda", "name": "RTX", "free_bytes": 5e9, "total_bytes": 1e10}
    assert "5.0 of 10.0 GB free" in checks.torch_check(cuda).text
    (short,) = checks.memory_mode_checks("nano", lambda folder: [{**JOB, "expected_bytes": 5e9}])
    assert not short.ok and short.remedy
    assert checks.disk_check().ok


def test_a_home_that_cannot_be_written_ends_with_a_message(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path / "file" / "home"))
    done = run("keys", "new")
    assert done.exit_code == 1
    assert "Not a directory" in done.stderr or "not" in done.stderr.lower()
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["--model", "gpt"], 3, "models list"),
        (["--device", "tpu"], 2, "cuda"),
        (["--bind", "everywhere"], 2, "tcp://"),
    ],
)
def test_serve_refuses_what_it_cannot_use(words, code, hint, caplog):
    done = run("serve", *words)
    assert done.exit_code == code
    assert hint in done.stderr + caplog.text


@pytest.mark.parametrize("lora", ["nope.safetensors", "./nope", "no/such/file.safetensors", "."])
def test_a_lora_that_is_not_there_is_said_before_a_daemon_starts(lora, home):
    done = run("text-to-audio", "--tags", "x", "--lora", lora, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["field"]) == (2, "lora")
    assert "owner/name" in error["expected"]
    assert not home.exists()


@pytest.mark.parametrize("last", [(), ("--dry-run",)], ids=["render", "dry run"])
def test_a_lora_that_was_never_pulled_is_refused_with_the_command_that_pulls_it(last, home):
    done = run("text-to-audio", "--tags", "x", "--lora", "nobody/none@v1", "--json", *last)
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["field"]) == (2, "lora")
    assert "acestep-bridge models pull nobody/none@v1" in error["remedy"]
    assert not home.exists()


def test_a_package_that_is_missing_is_named_by_a_command_that_works():
    """`pip install 'acestep-bridge[midi]'` found nothing on the registry."""
    for extra, package in (("midi", "python-rtmidi"), ("discovery", "zeroconf"), ("int8", "torchao")):
        words = shlex.split(how_to_install(extra))
        assert words[:4] == [sys.executable, "-m", "pip", "install"] and package in words[4:]
    assert "transformers" not in how_to_install("midi")


def test_serve_hands_on_the_folders_that_others_may_name(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr("bridge.daemon.main.main", lambda words: given.extend(words) or 0)
    assert run("serve", "--allow-root", "music", "--allow-root", "more", "--warm").exit_code == 0
    assert given == ["--allow-root", str(tmp_path / "music"), "--allow-root", str(tmp_path / "more"), "--warm"]


def test_doctor_says_in_words_why_pytorch_does_not_start(monkeypatch):
    monkeypatch.setattr(checks, "_PROBE", "raise ImportError('libcudart.so.12: cannot open shared object file')")
    check = checks.torch_check(checks.probe())
    assert not check.ok
    assert check.text == "does not start (ImportError: libcudart.so.12: cannot open shared object file)"


def test_a_full_disk_names_the_file_of_a_link_and_leaves_none(home, tmp_path, monkeypatch):
    public = json.loads(run("keys", "new", "--json").stdout)["public"]
    assert run("keys", "allow", "laptop", public).exit_code == 0
    words = ("link", "laptop", "--address", "tcp://192.168.1.5:49400", "-o")
    assert run(*words, "first.json").exit_code == 0

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run(*words, "l.json")
    assert done.exit_code == 1
    assert done.stderr.strip() == f"{tmp_path / 'l.json'}: No space left on device."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.json", "home"]


def test_a_report_of_any_file_in_words_numbers_and_as_a_picture(tmp_path):
    numbers = np.random.default_rng(0).normal(0, 0.1, (6 * 22050, 2))
    soundfile.write(tmp_path / "song.wav", numbers, 22050)
    borders = ["--start-time", "0:02", "--end-time", 4]
    said = run("report", tmp_path / "song.wav", *borders, "-o", tmp_path / "report.png")
    assert said.exit_code == 0 and "as loud as the music around it" in said.stdout
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    bars = ["--start-bar", 2, "--end-bar", 3, "--tempo", 120]
    told = json.loads(run("report", tmp_path / "song.wav", *bars, "--json").stdout)
    assert told["flams"] == [] and told["words"] and (told["start_time"], told["end_time"]) == (2, 4)
    assert run("report", "20260101T000000-0a0b0c0d").exit_code == 3  # a job, and no daemon has ever run
    refused = run("report", tmp_path / "song.wav")
    assert refused.exit_code == 2 and "--start-time" in refused.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--start-time", "1:99"], "a time such as 1:08.5"),
        (["--start-time", "nan"], "a time such as 1:08.5"),
        (["--start-time", "0:04", "--end-time", "0:02"], "more than 0:04"),
        (["--start-time", "0:04", "--end-time", "1:00"], "up to 0:06"),
        (["--start-bar", "2"], "bars without a tempo"),
        (["--start-bar", "2", "--start-time", "2", "--tempo", "120"], "expected one of them"),
        (["--start-time", "2", "--out", "song.wav"], "another file than the audio"),
    ],
)
def test_a_report_refuses_what_is_no_region(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.wav", np.zeros((6 * 8000, 1)), 8000)
    refused = run("report", "song.wav", *words)
    assert refused.exit_code == 2 and said in refused.output


def test_effects_are_listed_shown_and_checked(home):
    (home / "effects").mkdir(parents=True)
    (home / "effects" / "warm.json").write_text('[{"name": "Gain", "parameters": {"gain_db": 6}}]')
    listed = json.loads(run("effects", "list", "--json").stdout)
    assert listed["presets"] == ["warm"] and "Reverb" in listed["built_in"]
    assert "gain_db: 6" in run("effects", "show", "warm").stdout
    checked = run("effects", "check", "warm")
    assert checked.exit_code == 0 and "level +6.0 dB" in checked.stdout
    refused = run("effects", "check", '[{"name": "Reverbb"}]')
    assert refused.exit_code == 2 and "Did you mean Reverb?" in refused.stderr
