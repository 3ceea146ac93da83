"""Sound devices that write down what is played: a sound server of its own with a null sink, ALSA's file plug-in."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.support.patience import HANG_SECONDS

RATE = 48000
_SINK = f"sink_name=out rate={RATE} format=s16le channels=2"
Heard = Callable[[], np.ndarray]


@contextlib.contextmanager
def sound_server(folder: Path) -> Iterator[tuple[dict[str, str], Heard]]:
    """The environment of programs that play into it, and what was heard, int16 (2, N), with silence around it."""
    socket, raw = folder / "pulse.socket", folder / "heard.raw"
    own = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_SERVER": f"unix:{socket}"}
    modules = [f"module-native-protocol-unix auth-anonymous=1 socket={socket}", f"module-null-sink {_SINK}"]
    words = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm"]
    loading = [word for module in modules for word in ("-L", module)]
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        _running(stack, subprocess.Popen([*words, *loading], env=own, stdout=subprocess.DEVNULL, **quiet))
        _wait(lambda: subprocess.run(["pactl", "info"], env=own, capture_output=True).returncode == 0)
        form = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=2", "--latency-msec=20"]
        with open(raw, "wb") as file:
            _running(stack, subprocess.Popen(["parec", "-d", "out.monitor", *form], env=own, stdout=file, **quiet))
        _wait(lambda: raw.stat().st_size > 0)

        def heard() -> np.ndarray:
            before = raw.stat().st_size
            _wait(lambda: raw.stat().st_size > before + RATE)  # a quarter of a second more: all that was played
            return _read(raw)

        yield {**own, "SDL_AUDIODRIVER": "pulseaudio"}, heard


@contextlib.contextmanager
def alsa_file(folder: Path) -> Iterator[tuple[dict[str, str], Heard]]:
    """The same by ALSA alone, which needs no server: nothing is lost, and nothing takes as long as it lasts."""
    raw = folder / "heard.raw"
    settings = f'pcm.!default {{ type file; slave.pcm "null"; file "{raw}"; format "raw" }}\n'
    (folder / ".asoundrc").write_text(settings)
    yield {**os.environ, "HOME": str(folder)}, lambda: _read(raw)


def only(folder: Path, name: str) -> str:
    """A PATH with this one program."""
    programs = folder / f"only-{name}"
    programs.mkdir()
    found = shutil.which(name)
    assert found is not None
    (programs / name).symlink_to(found)
    return str(programs)


def without_silence(samples: np.ndarray) -> np.ndarray:
    """From the first to the last sample that is not nothing."""
    loud = np.flatnonzero(np.abs(samples.astype(int)).max(axis=0) > 8)
    return samples[:, loud[0] : loud[-1] + 1] if loud.size else samples[:, :0]


def _read(raw: Path) -> np.ndarray:
    data = np.fromfile(raw, "<i2")
    return data[: data.size // 2 * 2].reshape(-1, 2).T


def _running(stack: contextlib.ExitStack, process: subprocess.Popen[bytes]) -> None:
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _wait(ready: Callable[[], bool]) -> None:
    limit = time.monotonic() + HANG_SECONDS
    while not ready():
        assert time.monotonic() < limit
        time.sleep(0.02)
