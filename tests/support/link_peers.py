"""`python -m tests.support.link_peers FOLDER`: a controller that joins Link, and another program in its own process.

To be run in a network of its own (`unshare`), so that nobody else's session is touched: it sets tempos. Prints what the
other program saw, and what the controller told its surface, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from bridge.clock.clock import Beat
from tests.support.osc import MemoryDaemon, Surface, running, until

PEER = """
import json, sys, link
other = link.Link(97.0)
other.enabled = True
for line in sys.stdin:
    state, micros = other.captureAppSessionState(), other.clock().micros()
    if line.startswith("tempo"):
        state.setTempo(float(line.split()[1]), micros)
        other.commitAppSessionState(state)
    print(json.dumps([other.numPeers(), state.tempo(), state.phaseAtTime(micros, 4.0)]), flush=True)
"""
NETWORK = "ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo"


class Other:
    """The other program."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, words: str = "") -> tuple[int, float, float]:
        self.process.stdin.write(words.encode() + b"\n")
        self.process.stdin.flush()
        return tuple(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


async def meet(folder: Path) -> dict[str, object]:
    """Both join; each sets the tempo once; phases are compared; the controller leaves."""
    other = Other()
    try:
        async with running(MemoryDaemon(folder), folder) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/register", surface.port)
            surface.send("/acestep/tempo/follow", 1)
            surface.send("/acestep/clock/link", 1)
            await surface.wait("/acestep/clock/peers", 1)
            await until(lambda: other.ask()[0] == 1)
            other.ask("tempo 133.5")
            await until(lambda: controller.controls.values.get("tempo") == 133.5)
            surface.send("/acestep/tempo/nudge", 6.5)
            await until(lambda: abs(other.ask()[1] - 140.0) < 0.01)
            apart = [_apart(other.ask()[2], controller.clock.beat()) for _ in range(50)]
            words = (await surface.wait("/acestep/clock/words", "Link, 1 peer, 140 bpm"))[0]
            await surface.wait("/acestep/beat")
            surface.send("/acestep/clock/link", 0)
            await surface.wait("/acestep/clock/source", "own")
            await until(lambda: other.ask()[0] == 0)
            return {"words": words, "apart_beats": min(apart), "peers_after": other.ask()[0]}
    finally:
        other.close()


def _apart(phase: float, beat: Beat) -> float:
    """Beats between two phases in a bar of four."""
    return abs((beat.line.beat_at(beat.now) - phase + 2) % 4 - 2)


if __name__ == "__main__":
    if subprocess.run(["sh", "-c", NETWORK], stderr=subprocess.DEVNULL).returncode:
        sys.exit("no network of our own")
    os.environ.pop("ACESTEP_HOME", None)
    print(json.dumps(asyncio.run(asyncio.wait_for(meet(Path(sys.argv[1])), 60))))
