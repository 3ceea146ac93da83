"""`osc --midi` and `midi learn` with python-rtmidi's own ports: a JACK server without hardware carries the bytes.

Opt-in by `ACESTEP_JACK=1`: JACK drops clients of a machine that is busy with other things.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.client import Client, ensure_daemon
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES

mido = pytest.importorskip("mido", reason="mido is absent (extra: midi)")
rtmidi = pytest.importorskip("rtmidi", reason="python-rtmidi is absent (extra: midi)")

pytestmark = pytest.mark.skipif(
    not os.environ.get("ACESTEP_JACK")
    or not shutil.which("jackd")
    or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api(),
    reason="ACESTEP_JACK is not set, or jackd (Debian jackd2) or python-rtmidi with JACK is absent",
)
BACKEND = "mido.backends.rtmidi/UNIX_JACK"
COMMAND = [sys.executable, "-c", "from bridge.cli import main; main()"]


@pytest.fixture
def environment(tmp_path) -> Iterator[dict[str, str]]:
    """A JACK server of our own name and a daemon."""
    name = f"acestep{os.getpid()}"
    changes = {"JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1", "MIDO_BACKEND": BACKEND}
    jack = subprocess.Popen(
        ["jackd", "-n", name, "--no-realtime", "-t", "20000", "-d", "dummy", "-p", "1024"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    home = tmp_path / "home"
    client, _ = ensure_daemon(home, ["--renderer", SINES])
    time.sleep(1)
    with client:
        yield {**os.environ, **changes, "ACESTEP_BRIDGE_HOME": str(home)}
        client.shutdown()
    jack.terminate()
    jack.wait(HANG_SECONDS)


@pytest.fixture
def keys(environment, monkeypatch):
    """A device of this process, as others see it: an output that is their input, and an input that is their output."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", environment["JACK_DEFAULT_SERVER"])
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    backend = mido.Backend(BACKEND)
    output = backend.open_output("Keys", virtual=True)
    output.heard = []
    back = backend.open_input("Keys", virtual=True, callback=output.heard.append)
    yield output
    output.close()
    back.close()


def until(condition, seconds: float = HANG_SECONDS) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def turn(keys, values, number: int = 7) -> None:
    for value in values:
        keys.send(mido.Message("control_change", control=number, value=value))
        time.sleep(0.01)


def test_a_fader_is_learnt_on_the_command_line_and_played(environment, keys):
    home = Path(environment["ACESTEP_BRIDGE_HOME"])
    process = subprocess.Popen([*COMMAND, "osc", "--port", "0", "--midi", "all"], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    learner = subprocess.Popen([*COMMAND, "midi", "learn", "variance", "--low", "0.2"], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert "port" in process.stdout.readline()
        assert "move a fader" in learner.stderr.readline()
        until(lambda: turn(keys, range(20, 80, 4)) or learner.poll() is not None)
        assert learner.returncode == 0
        assert "variance: CC 7 on channel 1" in learner.stderr.read()
        with Client.connect(home) as client:
            until(lambda: turn(keys, [60, 127]) or client.controls().values.get("variance") == 1.0)
            until(lambda: turn(keys, [40, 0]) or client.controls().values["variance"] == 0.2)
            client.set_controls({"variance": 0.6})  # half of 0.2 to 1: a motor fader goes to its middle
            until(lambda: any(m.type == "control_change" and m.value in (63, 64) for m in keys.heard))
        listed = subprocess.run([*COMMAND, "midi", "list"], env=environment, capture_output=True, text=True, check=True)
        assert "/acestep/variance" in listed.stdout
    finally:
        for each in (learner, process):
            each.terminate()
            _, errors = each.communicate(timeout=HANG_SECONDS)
    assert "Traceback" not in errors, errors
