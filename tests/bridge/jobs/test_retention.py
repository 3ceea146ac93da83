"""What old jobs leave room: by age, number and bytes, and never what a project or a recipe names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.files.named_audio import named_in
from bridge.jobs import Job, JobStore
from bridge.jobs.retention import DAY_SECONDS, Limits, decide, read_limits, write_limits
from bridge.protocol.errors import HomeError
from engine.requests.recipe import HASHES

NOW = 100 * DAY_SECONDS


def digest(number: int) -> str:
    return f"{number:064x}"


def store_of(path: Path, ages: list[float], sources: dict[int, int] | None = None, by: str = "audio") -> JobStore:
    """Job N made audio N at that age in days, from audio `sources[N]`, which its recipe names."""
    now = [0.0]
    store = JobStore(path, clock=lambda: now[0])
    for number, age in sorted(enumerate(ages), key=lambda pair: -pair[1]):
        now[0] = NOW - age * DAY_SECONDS
        job = store.add(Job(job_id=f"job-{number}", task="retake", request={}))
        store.change(job, "running")
        source = (sources or {}).get(number)
        recipe = {HASHES[by]: digest(source)} if source is not None else {}
        job.result = [{"recipe": {"seed": 1, **recipe}}]
        store.change(job, "completed")
        for audio in (number, source):
            if audio is not None:
                store.use(job.job_id, digest(audio))
    return store


def sizes(count: int, size: int = 500_000_000) -> dict[str, int]:
    return {digest(number): size for number in range(count)}


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (Limits(), 5),
        (Limits(days=25), 3),
        (Limits(count=2), 2),
        (Limits(gigabytes=2), 4),
        (Limits(days=45, count=4, gigabytes=0.6), 1),
        (Limits(count=0), 0),
    ],
)
def test_the_oldest_go_first(tmp_path: Path, limits: Limits, left: int) -> None:
    store = store_of(tmp_path / "jobs", [0, 10, 20, 30, 40])
    store.add(Job(job_id="queued", task="retake", request={}))
    decision = decide(store, limits, sizes(5), {}, NOW)
    assert decision.go == [f"job-{number}" for number in range(left, 5)]
    assert decision.freed_bytes == (5 - left) * 500_000_000 and decision.named == {}
    store.close()


YEAR = 365.0


@pytest.mark.parametrize(
    ("finished", "now", "ran", "left"),  # days; what a daemon leaves that keeps 20 days
    [
        ([0, 10, 20, 30, 40], 45, 1, 4),  # nobody has touched the clock: gaps of 10 count as 5
        ([0, 4, 8, 12, 16, 20, 24, 28], 28, 0, 6),  # ... and with jobs every few days it is as it should be
        ([0, 2, 4], 4 + YEAR, 0, 3),  # the clock was set forward by a year: nobody has seen it pass
        ([0, 2, 4, 4 + YEAR, 5 + YEAR], 5 + YEAR, 1, 5),  # ... and jobs were made then
        ([0, 2, 4, 4 - YEAR, 5 - YEAR, 5], 6, 1, 6),  # back by a year, and put right again
        ([0, 2, 4], 2 - YEAR, 0, 3),  # back
        ([0, 2, 4], 4 + YEAR, YEAR, 0),  # the daemon itself has run for a year
    ],
)
def test_a_clock_that_is_set_makes_nothing_old(
    tmp_path: Path, finished: list[float], now: float, ran: float, left: int
) -> None:
    clock = [0.0]
    store = JobStore(tmp_path / "jobs", clock=lambda: clock[0])
    for at in finished:
        clock[0] = NOW + at * DAY_SECONDS
        store.change(store.add(Job(job_id="", task="retake", request={})), "cancelled")
    at, ran_seconds = NOW + now * DAY_SECONDS, ran * DAY_SECONDS
    gone = decide(store, Limits(days=20), {}, {}, at, ran_seconds).go
    assert len(finished) - len(gone) == left
    asked = decide(store, Limits(days=20), {}, {}, at).go  # `jobs clean` goes by the clock, and says first what it does
    assert len(asked) == sum(at - (NOW + day * DAY_SECONDS) > 20 * DAY_SECONDS for day in finished)
    store.close()


@pytest.mark.parametrize("by", list(HASHES))
def test_what_a_recipe_or_a_project_names_stays(tmp_path: Path, by: str) -> None:
    # 3 was made from 2; 1 from audio 9, which lies in the store; 4 is in a project
    store = store_of(tmp_path / "jobs", [10, 20, 30, 0, 40, 50], {3: 2, 1: 9}, by)
    decision = decide(store, Limits(days=5), sizes(10), {digest(4): "song.rpp"}, NOW)
    assert decision.go == ["job-0", "job-5"]
    assert set(decision.named) == {"job-1", "job-2", "job-4"} and decision.named["job-4"] == "song.rpp"
    assert (decision.freed_bytes, decision.named_bytes) == (1_000_000_000, 1_500_000_000)
    store.close()


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=8),
    st.dictionaries(st.integers(0, 7), st.integers(0, 7), max_size=4),
    st.sets(st.integers(0, 7), max_size=2),
    st.integers(0, 8),
)
def test_deleting_what_goes_frees_what_was_said(
    tmp_path_factory: pytest.TempPathFactory,
    ages: list[float],
    sources: dict[int, int],
    projects: set[int],
    count: int,
) -> None:
    store = store_of(tmp_path_factory.mktemp("store") / "jobs", ages, sources)
    try:
        decision = decide(store, Limits(count=count), sizes(8, 1), {digest(n): "a.rpp" for n in projects}, NOW)
        needed = {digest(n) for n in projects} | {digest(s) for n, s in sources.items() if n < len(ages)}
        freed = {audio for job_id in decision.go for audio in store.delete(job_id)}
        assert len(freed) == decision.freed_bytes and not freed & needed
    finally:
        store.close()


def test_settings_are_kept_and_damaged_ones_named(tmp_path: Path) -> None:
    assert not read_limits(tmp_path).is_set
    write_limits(tmp_path, Limits(days=90, projects=["/songs"]))
    assert read_limits(tmp_path) == Limits(days=90, projects=["/songs"])
    (tmp_path / "retention.json").write_text('{"day": 1}')
    with pytest.raises(HomeError, match=r"retention\.json.*day.*jobs keep --everything"):
        read_limits(tmp_path)


def test_projects_are_found_by_folder_by_name_and_in_reapers_list(tmp_path: Path) -> None:
    songs = tmp_path / "songs" / "album"
    songs.mkdir(parents=True)
    (songs / "a.RPP").write_text(f'<SOURCE WAVE\n FILE "/x/ab/{digest(1)}.wav"\n>')
    recipe = json.dumps({"source_sha256": digest(2)})
    (songs / "b.rpp").write_bytes(b"x" * ((1 << 22) - 20) + recipe.encode())  # over the border of two pieces
    (songs / "notes.txt").write_text(digest(3))
    elsewhere = tmp_path / "c.rpp"
    elsewhere.write_text(digest(4))
    ini = tmp_path / "reaper.ini"
    ini.write_text(f"[REAPER]\nx=1\n[Recent]\nrecent01={elsewhere}\nrecent02={tmp_path}/gone.rpp\n")
    assert set(named_in([str(tmp_path / "songs")])) == {digest(1), digest(2)}
    assert named_in([str(ini), str(tmp_path / "nowhere")]) == {digest(4): str(elsewhere)}
