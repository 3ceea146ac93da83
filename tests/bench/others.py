"""Benchmarks that are programs of their own: their last line is JSON, whose numbers become figures."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.bench.figures import Figure, Result
from tests.support.paths import ROOT


def osc(threads: int) -> list[Result]:
    """From an OSC datagram to its acknowledgement."""
    return _program("osc", [sys.executable, "-m", "tests.bench.bench_osc"])


def stage(threads: int) -> list[Result]:
    """What a performer waits for, through a good network and a bad one."""
    return _program("stage", [sys.executable, "-m", "tests.bench.bench_stage"])


def reaper(threads: int) -> list[Result]:
    """Ticks of the background script, idle and at work; a key press to the first visible line."""
    return _program("reaper", [sys.executable, "-m", "tests.bench.bench_reaper_ticks"])


def _program(name: str, words: list[str]) -> list[Result]:
    said = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    found = dict(_numbers(name, json.loads(said.splitlines()[-1])))
    return [Figure(key, key.replace("_", " "), value, "ms", "", " ".join(words[1:])) for key, value in found.items()]


def _numbers(prefix: str, value: Any) -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _numbers(f"{prefix}_{key}".replace(" ", "_"), inner)]
    return [(prefix, float(value))] if isinstance(value, int | float) and not isinstance(value, bool) else []


BENCHES = {"osc": osc, "stage": stage, "reaper": reaper}
