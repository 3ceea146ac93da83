"""What a shell proposes behind the words that are typed: commands, options, choices, models, jobs."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.options import completion
from bridge.jobs import Job, JobStore


def proposed(shell: str, line: str) -> str:
    """What the program prints to a shell that completes `line`."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_TYPER_COMPLETE_ARGS": line}
    environment = {**words, "_ACESTEP_BRIDGE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return CliRunner().invoke(app, [], env=environment, prog_name="acestep-bridge").stdout


@pytest.mark.parametrize(
    ("shell", "line", "word"),
    [
        ("bash", "acestep-bridge inp", "inpaint"),
        ("zsh", "acestep-bridge jobs ", "delete"),
        ("fish", "acestep-bridge inpaint song.wav --start-b", "--start-bar"),
        ("bash", "acestep-bridge inpaint song.wav --scheduler ", "pingpong"),
        ("zsh", "acestep-bridge text-to-audio x --model na", "nano"),
    ],
)
def test_a_shell_is_told_what_fits(shell, line, word):
    assert word in proposed(shell, line).replace("\\", "")


def test_jobs_are_proposed_from_the_record(tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path))
    assert completion.jobs("") == []
    store = JobStore(tmp_path / "jobs.sqlite3")
    job = store.add(Job(job_id="", task="retake", request={}))
    store.close()
    assert completion.jobs(job.job_id[:4]) == [(job.job_id, "retake, queued")]
    assert completion.jobs("x") == []
