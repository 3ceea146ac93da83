"""`acestep-bridge osc` as users run it: real daemon, nano, liblo's oscsend and oscdump as independent peers."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_material import start

from bridge.client import Client, ensure_daemon

pytestmark = pytest.mark.skipif(
    not (shutil.which("oscsend") and shutil.which("oscdump")),
    reason="oscsend and oscdump (Debian liblo-tools) are absent",
)
RATE = 44_100


class Dump:
    """oscdump on a port of its own: every message it prints, in order."""

    def __init__(self, log: Path) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log, self.seen = log, 0
        with open(log, "wb") as file:
            self.process = subprocess.Popen(["oscdump", "-L", str(self.port)], stdout=file)

    def wait(self, *parts: str, seconds: float = 90.0) -> str:
        """The next line that holds all these; what came before it is dropped."""
        limit = time.monotonic() + seconds
        while True:
            lines = self.log.read_text("utf-8", "replace").splitlines()
            for index in range(self.seen, len(lines)):
                if all(part in lines[index] for part in parts):
                    self.seen = index + 1
                    return lines[index]
            assert time.monotonic() < limit, (parts, lines[self.seen :][-20:])
            time.sleep(0.01)


class Controller:
    """The osc command in a process, spoken to with oscsend."""

    def __init__(self, home: Path, *words: str) -> None:
        self.process = start(home, "osc", "--port", "0", "--root", str(home.parent), *words)
        self.banner = self.process.stdout.readline()
        assert "port" in self.banner, self.process.stderr.read()
        self.port = int(self.banner.split("port ")[1].split(".")[0])

    def send(self, path: str, types: str = "", *values: object) -> None:
        words = ["oscsend", "127.0.0.1", str(self.port), f"/acestep/{path}", *([types] if types else [])]
        subprocess.run([*words, *map(str, values)], check=True, timeout=10)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("osc") / "home"
    client, _ = ensure_daemon(folder, ["--model", "nano", "--device", "cpu"])
    with client:
        yield folder
        client.shutdown()


@pytest.fixture(scope="module")
def played(home) -> Iterator[tuple[Controller, Dump]]:
    dump, controller = Dump(home.parent / "oscdump.txt"), Controller(home)
    try:
        controller.send("register", "i", dump.port)
        dump.wait("/acestep/ack", "/acestep/register")
        yield controller, dump
    finally:
        dump.process.kill()
        dump.process.wait()
        controller.process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
        _, errors = controller.process.communicate(timeout=20)
    assert "Traceback" not in errors, errors


@pytest.fixture(scope="module")
def song(home) -> Path:
    path = home.parent / "song.wav"
    times = np.arange(4 * RATE) / RATE
    soundfile.write(path, np.stack([np.sin(times * 2000), np.sin(times * 3000)], 1) * 0.3, RATE, subtype="PCM_16")
    return path


def test_a_region_is_made_anew_and_takes_are_chosen(played, song, home):
    controller, dump = played
    controller.send("source", "s", song)
    controller.send("region", "ff", 1.0, 2.0)
    controller.send("tags", "s", "house, 124 bpm, drums")
    controller.send("number_of_steps", "i", 6)
    controller.send("context_seconds", "f", 1.0)
    controller.send("seed", "i", 7)
    controller.send("inpaint", "i", 2)
    controller.send("inpaint", "i", 2)  # acknowledged to the port that oscsend has closed by now, so sent again
    dump.wait("/acestep/status", "inpaint")
    result = dump.wait("/acestep/result")
    dump.wait("/acestep/take ii 1 1")
    made = Path(result.split('"')[1])
    new, _ = soundfile.read(made, dtype="int16")
    old, _ = soundfile.read(song, dtype="int16")
    assert new.shape == old.shape
    assert np.array_equal(new[: int(0.96 * RATE)], old[: int(0.96 * RATE)])
    assert not np.array_equal(new[RATE : 2 * RATE], old[RATE : 2 * RATE])
    with Client.connect(home) as client:
        assert client.jobs().total == 1
    controller.send("seed", "i", 8)
    controller.send("inpaint")
    dump.wait("/acestep/take ii 2 2")
    controller.send("take/previous")
    assert str(made) in dump.wait("/acestep/result")
    controller.send("take/next")
    dump.wait("/acestep/take ii 2 2")
    controller.send("take/original")
    assert str(song) in dump.wait("/acestep/result")


def test_a_job_is_cancelled_in_the_middle(played, home):
    controller, dump = played
    controller.send("number_of_steps", "i", 200)
    controller.send("tags", "s", "ambient")
    controller.send("duration", "f", 60.0)
    controller.send("text_to_audio")
    dump.wait("/acestep/status", "denoise")
    controller.send("cancel")
    dump.wait("/acestep/status", "cancelled")


def test_controls_are_shared_with_other_clients(played, home):
    controller, dump = played
    with Client.connect(home) as client:
        client.set_controls({"variance": 0.25})
        dump.wait("/acestep/variance", "0.25")
        controller.send("variance", "f", 0.625)
        limit = time.monotonic() + 10
        while client.controls().values.get("variance") != 0.625:
            assert time.monotonic() < limit
            time.sleep(0.01)


def test_a_burst_of_faders_while_rendering(played, home):
    """3,000 messages as fast as they can be sent: the last value stands and no command is lost."""
    controller, dump = played
    controller.send("duration", "f", 20.0)
    controller.send("number_of_steps", "i", 60)
    controller.send("text_to_audio")
    dump.wait("/acestep/status", "denoise")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as surface, Client.connect(home) as client:
        surface.setblocking(False)
        surface.connect(("127.0.0.1", controller.port))
        unanswered = set(range(100, 110))
        for number in range(3000):
            surface.send(_message("/acestep/variance", ",f", number / 4000))
            if number % 300 == 299:
                surface.send(_message("/acestep/take/next", ",i", 100 + number // 300))
        unanswered = _repeat(surface, unanswered)
        assert not unanswered
        surface.send(_message("/acestep/variance", ",f", 0.875))
        limit = time.monotonic() + 10
        while client.controls().values.get("variance") != 0.875:
            assert time.monotonic() < limit
            time.sleep(0.01)
    controller.send("cancel")
    dump.wait("/acestep/status", "cancelled")


def _message(path: str, tags: str, value: float) -> bytes:
    from bridge.osc.packets import encode

    return encode(path, float(value) if tags == ",f" else int(value))


def _repeat(surface: socket.socket, unanswered: set[int]) -> set[int]:
    """Send commands again until each is acknowledged, as docs/osc.md says."""
    from bridge.osc.packets import decode

    limit = time.monotonic() + 10
    while unanswered and time.monotonic() < limit:
        for number in unanswered:
            surface.send(_message("/acestep/take/next", ",i", number))
        time.sleep(0.1)
        while True:
            try:
                messages = decode(surface.recv(65_535))
            except BlockingIOError:
                break
            unanswered -= {m.arguments[1] for m in messages if m.path == "/acestep/ack"}
    return unanswered
