"""The requests of jobs, as pages show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.daemon import views
from bridge.jobs import Job
from bridge.protocol.errors import RequestFailed
from tests.support.patience import HANG_SECONDS


def test_a_request_tells_no_path_to_a_client_elsewhere(tmp_path: Path) -> None:
    stored = tmp_path / "ab" / f"{'ab' * 32}.wav"
    for path, told in ((stored, f"sha256:{'ab' * 32}"), (tmp_path / "my song.wav", "my song.wav")):
        job = Job(job_id="j", task="inpaint", request={"audio": str(path), "tags": "a"}, owner="", model="nano")
        assert views.request(job, True) == {"task": "inpaint", "audio": str(path), "tags": "a"}
        assert views.request(job, False) == {"task": "inpaint", "audio": told, "tags": "a"}


def test_requests_are_told_by_job_and_unknown_ones_left_out(tmp_path: Path) -> None:
    from tests.support.daemons import running, text

    with running(tmp_path / "home") as daemon, daemon.client() as client:
        job = client.submit(text("steps=1"))
        job.wait(HANG_SECONDS)
        told = client.requests([job.job_id, "nobody"])
    assert set(told) == {job.job_id} and told[job.job_id]["tags"] == "steps=1" and told[job.job_id]["seed"] == 7


def test_a_model_that_was_moved_is_said_once() -> None:
    """The refusal was told inside another one."""
    with pytest.raises(RequestFailed) as refused:
        views.check_model("/music/models/moved")
    told = str(refused.value)
    assert refused.value.code == "unknown_model" and told.count("expected") == told.count("got") == 1
    assert told.startswith("model: got '/music/models/moved', where nothing is") and "name where it is now" in told
