"""A daemon with the tiny checkpoint, sources of several kinds, and ways to run the command line. No tests."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from typer.testing import CliRunner

from bridge.client import Client, ensure_daemon
from tests.support.paths import TINY

START, END, FADE, SECONDS = 1.0, 1.6, 0.03, 3.0
QUICK = ["--number-of-steps", "4", "--context-seconds", "0.5", "--tags", "drums", "--seed", "7"]
REGION = ["--start-time", str(START), "--end-time", str(END)]
KINDS = {
    "16-bit 44.1 kHz": ("PCM_16", 44100, 2),
    "24-bit 48 kHz": ("PCM_24", 48000, 2),
    "32-bit float 96 kHz": ("FLOAT", 96000, 2),
    "mono": ("PCM_16", 44100, 1),
}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@contextlib.contextmanager
def running_daemon(home: Path) -> Iterator[Path]:
    """A daemon whose default model is the tiny checkpoint; `home` is its folder."""
    client, started = ensure_daemon(home, ["--model", str(TINY), "--device", "cpu", "--audio-urls", "any"])
    assert started
    with client:
        yield home
        client.shutdown()


def run(*words: object) -> Done:
    """A command in this process; its daemon is found through ACESTEP_BRIDGE_HOME."""
    from bridge.cli.app import app

    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def command(*words: object) -> list[str]:
    """The command line of a process of its own."""
    return [sys.executable, "-c", "from bridge.cli import main; main()", *(str(word) for word in words)]


def start(home: Path, *words: object) -> subprocess.Popen:
    environment = {**os.environ, "ACESTEP_BRIDGE_HOME": str(home)}
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def count_jobs(home: Path) -> int:
    with Client.connect(home) as client:
        return client.jobs().total


def make_source(path: Path, kind: str = "16-bit 44.1 kHz", seconds: float = SECONDS) -> Path:
    """Clicks on a tone with a little noise, so that every sample differs from its neighbours."""
    subtype, rate, channels = KINDS[kind]
    time = np.arange(int(seconds * rate)) / rate
    random = np.random.default_rng(1)
    tone = 0.3 * np.sin(2 * np.pi * 220 * time) * np.exp(-(time % 0.25) * 9)
    samples = tone[:, None] + 0.02 * random.standard_normal((len(time), channels))
    soundfile.write(path, samples, rate, subtype=subtype)
    return path
