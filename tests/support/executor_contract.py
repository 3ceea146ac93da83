"""What every executor does, asked of a real daemon: order, one job per place, progress, logs, cancel, death, results.

The daemon renders with `NOISE` on two places. Each check is a function of a client and a folder; `CHECKS` lists them.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.client import Client, JobHandle, Timeouts
from bridge.protocol import keys
from bridge.protocol.errors import RequestFailed
from tests.support.daemons import text
from tests.support.patience import HANG_SECONDS
from tests.support.remote import free_port

PLACES = 2


def order_is_by_priority(client: Client, folder: Path) -> None:
    """Behind jobs that hold all places, the urgent ones begin first, at most two at a time."""
    jobs = [client.submit(text("steps=8 step_seconds=0.05", seed=n)) for n in range(PLACES)]
    jobs += [client.submit(text("steps=4 step_seconds=0.05", seed=n), priority=n) for n in (10, 12, 14, 13, 11)]
    spans = [_span(client, job) for job in jobs]
    begun = [start for start, _ in spans[PLACES:]]
    assert begun[2] == min(begun) and begun[0] == max(begun)
    for start, _ in spans:
        assert sum(a <= start < b for a, b in spans) <= PLACES


def clients_take_turns(client: Client, folder: Path) -> None:
    """Another client's jobs go between those that were there before, not after them all."""
    with guest(Path(client.hello().home)) as other:
        held = [client.submit(text("steps=10 step_seconds=0.05", seed=n)) for n in range(PLACES)]
        many = [client.submit(text("steps=2 step_seconds=0.05", seed=n)) for n in range(6)]
        few = [other.submit(text("steps=2 step_seconds=0.05", seed=n)) for n in range(2)]
        begun = [_span(client, job)[0] for job in many]
        others = [_span(other, job)[0] for job in few]
        assert all(job.result() for job in held) and sum(start < max(others) for start in begun) <= 4


def steps_and_lines_are_told(client: Client, folder: Path) -> None:
    job = client.submit(text("steps=6 step_seconds=0.05"))
    steps = [status.step for status in job.progress() if status.stage == "denoise"]
    assert steps == sorted(steps) and len(set(steps)) > 2
    assert "6 steps" in [line.text for line in client.logs(job.job_id).lines]


def a_cancel_stops_within_a_step(client: Client, folder: Path) -> None:
    """One that runs, and one that waits behind others."""
    running = client.submit(text("steps=10000 step_seconds=0.02"))
    others = [client.submit(text("steps=20 step_seconds=0.05", seed=n)) for n in range(PLACES)]
    waiting = client.submit(text())
    _wait_for_step(running)
    for job in (waiting, running):
        job.cancel()
        with pytest.raises(RequestFailed) as cancelled:
            job.result()
        assert cancelled.value.code == "job_cancelled"
    assert all(job.result() for job in others)


def deaf_ones_are_ended(client: Client, folder: Path) -> None:
    """A job that does not hear its cancel ends all the same, and the place renders on."""
    job = client.submit(text("deaf steps=100000 step_seconds=0.02"))
    _wait_for_step(job)
    job.cancel()
    with pytest.raises(RequestFailed):
        job.result()
    assert client.submit(text(seed=3)).result().entries[0].seed == 3


def what_dies_is_run_again_once(client: Client, folder: Path) -> None:
    job = client.submit(text(f"steps=4 step_seconds=0.05 die_once={folder / 'died'}", seed=5))
    result = job.result()
    assert (folder / "died").exists() and len(result.entries) == 1
    lines = [line.text for line in client.logs(job.job_id).lines]
    assert sum("Attempt 1 of" in line for line in lines) == 1 and lines.count("completed") == 1


def faults_of_the_engine_are_told(client: Client, folder: Path) -> None:
    with pytest.raises(RequestFailed) as failed:
        client.submit(text("fail")).result()
    assert "9 GB needed" in str(failed.value)


def audio_goes_there_and_comes_back(client: Client, folder: Path) -> None:
    """An inpaint's source reaches every place; each variation's file is in the daemon's store, the seed's own audio."""
    source = folder / "source.wav"
    soundfile.write(source, np.random.default_rng(1).uniform(-0.5, 0.5, (24000, 2)), 48000, subtype="PCM_24")
    request = {"task": "inpaint", "audio": str(source), "start_time": 0.1, "end_time": 0.2, "variations": 2, "seed": 4}
    jobs = [client.submit({**request, "tags": "steps=3 step_seconds=0.05"}) for _ in range(2 * PLACES)]
    made = [[Path(entry.audio.path or "").read_bytes() for entry in job.result().entries] for job in jobs]
    assert len({tuple(hashlib.sha256(data).hexdigest() for data in files) for files in made}) == 1
    before = soundfile.read(source, dtype="int32")[0]
    after = soundfile.read(client.result(jobs[0].job_id).entries[0].audio.path, dtype="int32")[0]
    assert np.array_equal(before[:4800], after[:4800]) and not np.array_equal(before[4800:9600], after[4800:9600])


def variations_are_spread_over_idle_places(client: Client, folder: Path) -> None:
    """With nothing else to do both places make parts of a job; its results are those of the same jobs one by one."""
    job = client.submit(text("steps=3 step_seconds=0.05", seed=20, variations=3))
    spread = job.result()
    assert [(entry.variation, entry.seed) for entry in spread.entries] == [(0, 20), (1, 21), (2, 22)]
    assert any(f"spread over {PLACES}" in line.text for line in client.logs(job.job_id).lines)
    alone = [client.submit(text("steps=3 step_seconds=0.05", seed=20 + n)) for n in range(3)]
    assert [entry.audio.sha256 for entry in spread.entries] == [job.result().first.audio.sha256 for job in alone]


def a_part_that_dies_is_made_again_with_its_job(client: Client, folder: Path) -> None:
    words = f"steps=4 step_seconds=0.05 die_once={folder / 'part-died'}"
    job = client.submit(text(words, seed=30, variations=2))
    assert [entry.seed for entry in job.result().entries] == [30, 31] and (folder / "part-died").exists()


def a_cancel_stops_every_part(client: Client, folder: Path) -> None:
    job = client.submit(text("steps=10000 step_seconds=0.02", seed=40, variations=2))
    _wait_for_step(job)
    job.cancel()
    with pytest.raises(RequestFailed) as cancelled:
        job.result()
    assert cancelled.value.code == "job_cancelled"
    assert client.submit(text(seed=41, variations=2)).result().entries[1].seed == 42


CHECKS = (
    order_is_by_priority,
    clients_take_turns,
    steps_and_lines_are_told,
    a_cancel_stops_within_a_step,
    deaf_ones_are_ended,
    what_dies_is_run_again_once,
    faults_of_the_engine_are_told,
    audio_goes_there_and_comes_back,
    variations_are_spread_over_idle_places,
    a_part_that_dies_is_made_again_with_its_job,
    a_cancel_stops_every_part,
)


def guest_options(home: Path) -> tuple[str, str]:
    """What lets a daemon of that home have another client, before it is started."""
    home.mkdir(parents=True, exist_ok=True)
    keys.allow(home, "guest", keys.own_pair(home.parent / "guest").public)
    return "--bind", f"tcp://127.0.0.1:{free_port()}"


def guest(home: Path) -> Client:
    """That client."""
    return Client.connect(home.parent / "guest", home / "curve" / "guest.link.json", Timeouts(reply=HANG_SECONDS))


def rendered_at_once(client: Client, tags: str = "steps=40 step_seconds=0.1") -> list[JobHandle]:
    """Jobs that all places are at, some steps in. Where one was over before the last began, since its place was only
    about to come, others are submitted: of a job that is over no step is told.
    """
    limit = time.monotonic() + HANG_SECONDS
    while True:
        jobs = [client.submit(text(tags, seed=n)) for n in range(PLACES)]
        if _all_are_some_steps_in(jobs, limit):
            return jobs
        assert all(job.result() for job in jobs) and time.monotonic() < limit, client.hello().engine


def _all_are_some_steps_in(jobs: list[JobHandle], limit: float) -> bool:
    """Whether they come to that before one is over."""
    while True:
        told = [job.status() for job in jobs]
        if any(status.finished for status in told):
            return False
        if min(status.step for status in told) >= 2:
            return True
        assert time.monotonic() < limit, told
        time.sleep(0.05)


def _span(client: Client, job: JobHandle) -> tuple[float, float]:
    job.result()
    lines = {line.text: line.time for line in client.logs(job.job_id).lines}
    return lines["running"], lines["completed"]


def _wait_for_step(job: JobHandle) -> None:
    limit = time.monotonic() + HANG_SECONDS
    while (status := job.status()).step < 1:
        assert time.monotonic() < limit and not status.finished, status
        time.sleep(0.02)
