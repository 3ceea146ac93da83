"""A long measurement goes on after a cut, keeps to its minutes, and never mixes machines.

All of it on the CPU: `python -m tests.bench.gpu --tiny`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.figures import Figure
from tests.bench.gpu_wheels import needed
from tests.bench.resumed import Part, each_of, figures_of, run_parts, supervised

MACHINE = {"gpu": "a card", "torch": "2.11", "size": "released"}


def _part(name: str, calls: list[str], expected: float = 1.0, error: Exception | None = None) -> Part:
    def measure() -> list[Figure]:
        calls.append(name)
        if error is not None:
            raise error
        return [Figure(name, name, 2.0, "s", "", "here")]

    return Part(name, expected, measure)


def _clock(steps: float) -> Callable[[], float]:
    now = [0.0]

    def clock() -> float:
        now[0] += steps
        return now[0]

    return clock


def test_a_run_that_was_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    file, calls = tmp_path / "figures.json", []
    with pytest.raises(KeyboardInterrupt):
        run_parts([_part("a", calls), _part("b", calls, error=KeyboardInterrupt())], file, 60, MACHINE)  # type: ignore[arg-type]
    told = run_parts([_part("a", calls), _part("b", calls)], file, 60, MACHINE)
    assert calls == ["a", "b", "b"]
    assert [f.name for f in figures_of(told)] == ["a", "b"] and json.loads(file.read_text()) == told


def test_a_part_that_cannot_end_in_time_is_left_and_a_shorter_one_is_not(tmp_path: Path) -> None:
    calls: list[str] = []
    parts = [_part("a", calls, 5), _part("long", calls, 500), _part("short", calls, 5)]
    told = run_parts(parts, tmp_path / "figures.json", 60, MACHINE, _clock(1.0))
    assert calls == ["a", "short"] and "needs about 500 s" in told["left"]["long"]
    told = run_parts(parts, tmp_path / "figures.json", 600, MACHINE, _clock(1.0))
    assert calls == ["a", "short", "long"] and told["left"] == {}


def test_a_part_that_fails_leaves_the_others_and_is_tried_again(tmp_path: Path) -> None:
    file, calls = tmp_path / "figures.json", []
    told = run_parts([_part("a", calls, error=RuntimeError("no kernel")), _part("b", calls)], file, 60, MACHINE)
    assert told["left"] == {"a": "RuntimeError: no kernel"} and list(told["parts"]) == ["b"]
    assert run_parts([_part("a", calls)], file, 60, MACHINE)["left"] == {}


def test_a_part_that_fails_half_way_keeps_the_figures_that_it_had_and_is_tried_again(tmp_path: Path) -> None:
    file, calls = tmp_path / "figures.json", []
    ways = {name: _part(name, calls, error=error).measure for name, error in
            (("plain", None), ("graphs", MemoryError("no room")), ("padded", None))}  # fmt: skip

    def half() -> Iterator[Figure]:
        yield from each_of(ways)

    told = run_parts([Part("v1", 1, half), _part("after", calls)], file, 60, MACHINE)
    assert [f.name for f in figures_of(told)] == ["plain", "padded", "after"]
    assert told["left"] == {"v1": "RuntimeError: graphs: MemoryError: no room"}
    told = run_parts([_part("v1", calls), _part("after", calls)], file, 60, MACHINE)
    assert [f.name for f in figures_of(told)] == ["v1", "after"] and told["left"] == {} and calls.count("after") == 1


PROCESS = """
import os, sys, time
from pathlib import Path
from tests.bench import resumed
from tests.bench.figures import Figure
resumed.LEAST_PATIENCE = 0.2
made = lambda name: [Figure(name, name, 2.0, "s", "", "here")]
parts = [resumed.Part("a", 1, lambda: made("a")), resumed.Part("hangs", 1, lambda: time.sleep(60)),
         resumed.Part("dies", 1, lambda: os._exit(9)), resumed.Part("z", 1, lambda: made("z"))]
resumed.run_parts(parts, Path(sys.argv[1]), float(sys.argv[2]), {}, skipped=sys.argv[3:], patience=0.0)
"""


def test_a_part_that_hangs_or_takes_its_process_with_it_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    status = supervised(lambda rest, skipped: [sys.executable, "-c", PROCESS, str(file), str(rest), *skipped], file, 60)
    told = json.loads(file.read_text())
    assert status == 0 and list(told["parts"]) == ["a", "z"]
    assert sorted(told["left"]) == ["dies", "hangs"] and "status 9" in told["left"]["dies"]


BOUND = "import time; from tests.bench.resumed import end_with_parent; end_with_parent(); print(1, flush=True); "


def test_a_process_of_a_part_ends_by_itself_and_with_the_one_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", BOUND], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as whole:
        assert whole.wait(60) == 0
    waiting = [sys.executable, "-c", BOUND + "time.sleep(60)"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cut:
        assert cut.stdin is not None and cut.stdout is not None
        assert cut.stdout.readline() == b"1\n"
        cut.stdin.close()
        assert cut.wait(30) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", '{"machine": {}}', json.dumps({"machine": {**MACHINE, "gpu": "other"}, "parts": {}, "left": {}})]
)
def test_a_file_of_another_machine_or_kind_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    file = tmp_path / "figures.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="Name another"):
        run_parts([_part("a", [])], file, 60, MACHINE)
    assert file.read_text() == text


def test_the_wheels_are_those_of_constraints_without_torch() -> None:
    packages = dict(line.split("==") for line in needed())
    assert {"numpy", "scipy", "safetensors", "tokenizers", "soundfile", "rich"} <= set(packages)
    assert "torch" not in packages and not [name for name in packages if name.startswith("nvidia")]
