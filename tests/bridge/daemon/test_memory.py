"""What main memory or the disk cannot hold is refused at submit, with numbers; nothing is queued."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bridge.daemon import validate
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.known_models import OLD_SECONDS, SECONDS, KnownModels
from bridge.daemon.validate import UNKNOWN_MODEL, check_memory, check_source
from bridge.protocol.errors import InvalidField, RequestFailed
from engine.families.facts import Facts
from engine.requests import from_dict
from tests.support.daemons import running, text
from tests.support.patience import HANG_SECONDS


def test_more_variations_than_memory_admits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACESTEP_MEMORY_LIMIT", "1.0")
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        with pytest.raises(InvalidField) as caught:
            client.submit(text(duration=240.0, variations=16))
        error = caught.value.error
        assert error.field == "variations"
        assert error.got == "16 result(s) of 184 MB each, 2.95 GB in all"
        assert error.expected == "at most 5 with 1.00 GB of free memory"
        assert client.jobs().total == 0
        assert client.submit(text(variations=2)).wait(HANG_SECONDS).state == "completed"


@pytest.mark.parametrize(
    ("values", "megabytes"),
    [({}, 13), ({"variations": 4}, 47), ({"format": "mp3"}, 2), ({"duration": 60.0, "format": "flac"}, 18)],
)
def test_results_that_have_no_room_on_the_disk(values: dict[str, Any], megabytes: int) -> None:
    """They were accepted, rendered, and failed at the end."""
    request = from_dict(text(**{"duration": 30.0, **values}))
    check_memory(request, room=(megabytes + 1) * 1_000_000)
    with pytest.raises(RequestFailed, match=rf"got 1 MB that are free, expected {megabytes} MB.*jobs delete") as full:
        check_memory(request, room=1_000_000)
    assert full.value.code == "disk_full"


def test_results_of_a_source_that_have_no_room_on_the_disk(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros((48_000 * 10, 2), np.float32), 48_000)
    values = {"task": "inpaint", "tags": "house", "audio": "song.wav", "start_time": 1.0, "end_time": 2.0}
    check_source(from_dict(values), tmp_path / "song.wav", room=5_000_000)
    with pytest.raises(RequestFailed, match=r"got 3 MB that are free, expected 5 MB"):
        check_source(from_dict(values), tmp_path / "song.wav", room=3_000_000)


def test_of_many_requests_at_once_one_looks_at_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty looked, each second, in eight threads: the slowest submits of a second waited for all of them."""
    now, looks, slow = [0.0], list[str](), threading.Event()

    def look(model: str) -> Facts:
        looks.append(model)
        slow.wait(HANG_SECONDS)
        return UNKNOWN_MODEL

    async def ask() -> None:
        known = KnownModels(FileThreads(), Path(), lambda: now[0])
        first = [asyncio.create_task(known.facts_of("nano")) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in first)
        slow.set()
        await asyncio.gather(*first)
        assert len(looks) == 1
        slow.clear()
        now[0] = SECONDS + 0.1  # what was known a moment ago is told while one looks again
        for _ in range(20):
            await known.facts_of("nano")
        now[0] = OLD_SECONDS + 0.1  # what is old is not
        late = asyncio.create_task(known.facts_of("nano"))
        await asyncio.sleep(0.01)
        assert len(looks) == 2 and not late.done()
        slow.set()
        await late

    monkeypatch.setattr(validate, "facts_of_model", look)
    asyncio.run(ask())
