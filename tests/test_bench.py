"""`tests.bench` measures what is there: a bench that nobody runs for a while does not rot."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.bench import bridge_overhead, timed_daemon
from tests.bench.__main__ import HOMES


def test_every_bench_is_found() -> None:
    for name, home in HOMES.items():
        assert callable(importlib.import_module(f"tests.bench.{home}").BENCHES[name]), name


def test_the_way_of_a_clip_through_the_bridge_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(timed_daemon.NOTES, str(tmp_path / "notes.jsonl"))
    ways = bridge_overhead.measured(tmp_path, warm_up=0, rounds=1)
    assert {name: len(way) for name, way in ways.items()} == {"in": 1, "out": 1, "wire_in": 1, "wire_out": 1}
    assert all(way.rest > 0 for (way,) in ways.values()), ways
    assert all(way.hashing > 0 and way.syncing > 0 for name, (way,) in ways.items() if name != "in"), ways
