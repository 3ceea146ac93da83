"""`python -m tests.bench stage`: what a performer waits for, through a good network and through a bad one.

The bad one is a proxy that loses a tenth of all datagrams and holds another tenth back, in both directions. Commands
are repeated each 100 ms with their serial number until they are acknowledged, as docs/osc.md says. The controller is a
process of its own with a real daemon, whose engine makes noise in 300 steps of 2 ms: what is over 0.6 s is ours.
"""

from __future__ import annotations

import json
import random
import select
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from bridge.osc.transport.packets import decode, encode
from tests.bench.bench_osc import controller_with
from tests.support.renderers import NOISE

COUNT = 100
REPEAT_SECONDS = 0.1
LOST, LATE, LATE_SECONDS = 0.1, 0.1, 0.02


class Proxy:
    """Datagrams between one surface and the controller; `bad` loses and delays some, by chance with a seed."""

    def __init__(self, port: int, bad: bool) -> None:
        self._inner, self._outer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._outer.bind(("127.0.0.1", 0))
        self._inner.connect(("127.0.0.1", port))
        self.port = int(self._outer.getsockname()[1])
        self._surface: tuple[str, int] = ("127.0.0.1", 9)
        self._bad, self._chance, self._ended = bad, random.Random(5), threading.Event()
        threading.Thread(target=self._carry, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._ended.set()

    def _carry(self) -> None:
        while not self._ended.is_set():
            for ready in select.select([self._inner, self._outer], [], [], 0.2)[0]:
                if ready is self._outer:
                    data, self._surface = self._outer.recvfrom(65_535)
                    self._pass(self._inner.send, data)
                else:
                    self._pass(self._to_surface, self._inner.recv(65_535))

    def _to_surface(self, data: bytes) -> None:
        self._outer.sendto(data, self._surface)

    def _pass(self, send: object, data: bytes) -> None:
        chance = self._chance.random() if self._bad else 1.0
        if chance < LOST:
            return
        if chance < LOST + LATE:
            threading.Timer(LATE_SECONDS, send, [data]).start()  # type: ignore[arg-type]
        else:
            send(data)  # type: ignore[operator]


class Hand:
    """A surface: sends a command until it is acknowledged, and waits for what comes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(REPEAT_SECONDS)
        self._number = random.Random(port).randrange(2, 2**30)

    def command(self, path: str) -> float:
        """Milliseconds to its acknowledgement."""
        self._number += 1
        began = time.perf_counter()
        while True:
            self._socket.send(encode(path, self._number))
            if self._heard("/acestep/ack", lambda values: values[1] == self._number, REPEAT_SECONDS):
                return (time.perf_counter() - began) * 1000

    def set(self, path: str, *values: object) -> None:
        """A control, three times for the bad network's sake."""
        for _ in range(3):
            self._socket.send(encode(path, *values))

    def wait(self, path: str, matches: object, seconds: float = 60.0) -> bool:
        """Whether a message came."""
        return self._heard(path, matches, seconds)

    def _heard(self, path: str, matches: object, seconds: float) -> bool:
        limit = time.perf_counter() + seconds
        while time.perf_counter() < limit:
            try:
                packet = self._socket.recv(65_535)
            except TimeoutError:
                continue
            if any(m.path == path and matches(m.arguments) for m in decode(packet)):  # type: ignore[operator]
                return True
        return False


def play(port: int, source: Path, bad: bool) -> dict[str, float]:
    """Acknowledgements, region to file, and cancel, of one hand."""
    proxy = Proxy(port, bad)
    hand = Hand(proxy.port)
    hand.set("/acestep/register", 0)
    hand.set("/acestep/source", str(source))
    hand.set("/acestep/region", 1.0, 2.0)
    hand.set("/acestep/tags", "steps=300 step_seconds=0.002")
    times = sorted(hand.command("/acestep/take/next") for _ in range(COUNT))
    began = time.perf_counter()
    hand.command("/acestep/inpaint")
    assert hand.wait("/acestep/result", lambda values: True)
    region = time.perf_counter() - began
    hand.set("/acestep/tags", "steps=90000 step_seconds=0.002")
    hand.command("/acestep/inpaint")
    assert hand.wait("/acestep/progress", lambda values: values[0] > 0)
    began = time.perf_counter()
    hand.command("/acestep/cancel")
    assert hand.wait("/acestep/busy", lambda values: values == (0,))
    cancel = (time.perf_counter() - began) * 1000
    proxy.close()
    return {"ack_median_ms": times[COUNT // 2], "ack_p95_ms": times[int(COUNT * 0.95)],
            "region_ms": region * 1000, "cancel_ms": cancel}  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "loop.wav"
        soundfile.write(source, np.random.default_rng(1).normal(0, 0.1, (4 * 48_000, 2)), 48_000)
        with controller_with(["--renderer", NOISE], "--root", folder) as (port, _):
            told = {name: play(port, source, name == "lossy") for name in ("good", "lossy")}
    for name, figures in told.items():
        print(name, ", ".join(f"{what} {value:.1f}" for what, value in figures.items()))
    print(json.dumps({name: {k: round(v, 2) for k, v in figures.items()} for name, figures in told.items()}))


if __name__ == "__main__":
    main()
