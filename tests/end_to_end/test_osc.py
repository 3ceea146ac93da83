"""`acestep-bridge osc` as users run it: real daemon, nano, and three independent programs that speak OSC to it."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.client import Client, ensure_daemon
from bridge.osc.address_space.addresses import address_table
from bridge.osc.transport.packets import decode, encode
from tests.support.cli_material import start
from tests.support.osc_peers import PEERS, NodeOsc, NodeWebSocket, Peer, Pyliblo
from tests.support.patience import HANG_SECONDS

RATE = 44_100


class Controller:
    """The osc command in a process."""

    def __init__(self, home: Path, *words: str) -> None:
        self.process = start(home, "osc", "--port", "0", "--root", str(home.parent), *words)
        self.banner = self.process.stdout.readline()
        assert "port" in self.banner, self.process.stderr.read()
        self.port = int(self.banner.split("port ")[1].split(".")[0])


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("osc") / "home"
    client, _ = ensure_daemon(folder, ["--model", "nano", "--device", "cpu"])
    with client:
        yield folder
        client.shutdown()


@pytest.fixture(scope="module")
def controller(home) -> Iterator[Controller]:
    controller = Controller(home)
    try:
        yield controller
    finally:
        controller.process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
        _, errors = controller.process.communicate(timeout=HANG_SECONDS)
    assert "Traceback" not in errors, errors


@pytest.fixture(params=PEERS, ids=[kind.name for kind in PEERS])
def peer(request, controller, tmp_path) -> Iterator[Peer]:
    """Each of the programs in turn."""
    if request.param.why_not():
        pytest.skip(request.param.why_not())
    found = request.param(controller.port, tmp_path)
    yield found
    found.close()


@pytest.fixture
def surface(controller, tmp_path) -> Iterator[Peer]:
    """One that is there wherever the tests' packages are."""
    if Pyliblo.why_not():
        pytest.skip(Pyliblo.why_not())
    found = Pyliblo(controller.port, tmp_path)
    yield found
    found.close()


@pytest.fixture(scope="module")
def song(home) -> Path:
    path = home.parent / "song.wav"
    times = np.arange(4 * RATE) / RATE
    soundfile.write(path, np.stack([np.sin(times * 2000), np.sin(times * 3000)], 1) * 0.3, RATE, subtype="PCM_16")
    return path


def test_a_region_is_made_anew_and_takes_are_chosen(peer, song, home):
    with Client.connect(home) as client:
        before = client.jobs().total
    settings = {"tags": "house, 124 bpm, drums", "number_of_steps": 3, "context_seconds": 0.5, "seed": 7}
    for path, value in settings.items():
        peer.send(path, value)
    peer.send("source", "")
    peer.send("source", str(song))
    peer.send("region", 1.25, 2.0)
    serial = 1000 + PEERS.index(type(peer))
    peer.send("inpaint", serial)
    peer.send("inpaint", serial)  # as over a bad network: it was not acknowledged in time
    peer.wait("status", holding="inpaint")
    (made,) = peer.wait("result")
    peer.wait("take", 1, 1)
    heard = [values[0] for path, values in peer.heard if path == "/acestep/progress"]
    assert any(0 < value <= 1 for value in heard)
    new, _ = soundfile.read(made, dtype="int16")
    old, _ = soundfile.read(song, dtype="int16")
    assert new.shape == old.shape
    assert np.array_equal(new[: int(1.21 * RATE)], old[: int(1.21 * RATE)])
    assert not np.array_equal(new[int(1.25 * RATE) : 2 * RATE], old[int(1.25 * RATE) : 2 * RATE])
    peer.send("seed", 8)
    peer.send("inpaint")
    peer.wait("take", 2, 2)
    peer.send("take/previous")
    peer.wait("result", made)
    peer.send("take/next")
    peer.wait("take", 2, 2)
    peer.send("take/original")
    peer.wait("result", str(song))
    with Client.connect(home) as client:
        assert client.jobs().total == before + 2


def test_a_job_is_cancelled_in_the_middle(peer):
    for path, value in (("number_of_steps", 200), ("tags", "ambient"), ("duration", 60.5)):
        peer.send(path, value)
    peer.send("text_to_audio")
    peer.wait("status", holding="denoise")
    peer.send("cancel")
    peer.wait("status", holding="cancelled")


def test_controls_are_shared_with_other_clients(surface, home):
    with Client.connect(home) as client:
        client.set_controls({"variance": 0.25})
        surface.wait("variance", 0.25)
        surface.send("variance", 0.625)
        limit = time.monotonic() + HANG_SECONDS
        while client.controls().values.get("variance") != 0.625:
            assert time.monotonic() < limit
            time.sleep(0.01)


def test_the_namespace_is_read_by_another_oscquery_client(controller, tmp_path):
    if NodeOsc.why_not():
        pytest.skip(NodeOsc.why_not())
    peer = NodeOsc(controller.port, tmp_path)
    peer.ask({"query": True})
    _, name, port, paths = peer.said("namespace")
    peer.close()
    assert (name, port) == ("acestep-bridge", controller.port)
    assert {path for path, address in address_table().items() if address.tags} <= set(paths)


def test_another_websocket_client_listens(controller, surface, tmp_path):
    """node's own, which is no code of ours nor of the library's: it gets the value of now, and each one after that."""
    if NodeWebSocket.why_not():
        pytest.skip(NodeWebSocket.why_not())
    peer = NodeWebSocket(controller.port, tmp_path)
    peer.ask({"listen": "/acestep/granularity_scale"})
    peer.said("frame")
    surface.send("granularity_scale", 12.5)
    limit = time.monotonic() + HANG_SECONDS
    while not any(
        decode(base64.b64decode(line[1]))[0].arguments == (12.5,) for line in peer.lines if line[0] == "frame"
    ):
        assert time.monotonic() < limit, peer.lines[-5:]
        time.sleep(0.01)
    peer.close()
    surface.send("clear", "granularity_scale")


def test_a_burst_of_faders_while_rendering(controller, surface, home):
    """3,000 messages as fast as they can be sent: the last value stands and no command is lost."""
    surface.send("duration", 20.5)
    surface.send("number_of_steps", 60)
    surface.send("text_to_audio")
    surface.wait("status", holding="denoise")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hand, Client.connect(home) as client:
        hand.setblocking(False)
        hand.connect(("127.0.0.1", controller.port))
        for number in range(3000):
            hand.send(encode("/acestep/variance", number / 4000))
            if number % 300 == 299:
                hand.send(encode("/acestep/take/next", 100 + number // 300))
        assert not _repeat(hand, set(range(100, 110)))
        hand.send(encode("/acestep/variance", 0.875))
        limit = time.monotonic() + HANG_SECONDS
        while client.controls().values.get("variance") != 0.875:
            assert time.monotonic() < limit
            time.sleep(0.01)
    surface.send("cancel")
    surface.wait("status", holding="cancelled")


def test_a_daemon_that_is_killed_on_stage_is_started_again(controller, surface, home):
    """And it has what was set while it was away."""
    path = home / "connection.json"
    pid = json.loads(path.read_text("utf-8"))["pid"]
    os.kill(pid, signal.SIGKILL)
    surface.wait("status", holding="no daemon")
    surface.send("variance", 0.375)
    limit = time.monotonic() + HANG_SECONDS
    while not path.exists() or json.loads(path.read_text("utf-8"))["pid"] == pid:
        assert time.monotonic() < limit
        time.sleep(0.05)
    with Client.connect(home) as client:
        while client.controls().values.get("variance") != 0.375:
            assert time.monotonic() < limit
            time.sleep(0.01)


def _repeat(surface: socket.socket, unanswered: set[int]) -> set[int]:
    """Send commands again until each is acknowledged, as docs/osc.md says."""
    limit = time.monotonic() + HANG_SECONDS
    while unanswered and time.monotonic() < limit:
        for number in unanswered:
            surface.send(encode("/acestep/take/next", number))
        time.sleep(0.1)
        while True:
            try:
                messages = decode(surface.recv(65_535))
            except BlockingIOError:
                break
            unanswered -= {m.arguments[1] for m in messages if m.path == "/acestep/ack"}
    return unanswered
