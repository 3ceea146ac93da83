"""`link` over bad cables: `python -m tests.network [NAME...] [--proxy] [--seconds S]`.

Two daemons in network namespaces of their own, linked by CURVE; this process carries the packets between them and
loses, delays and cuts. Each job must end completed with its seed's audio, rendered once. Without root, or with
--proxy, the cable is a proxy in this process, which delays nothing and loses whole connections.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.client.start import daemon_environment
from bridge.engine_process.wire import DEFAULT_RENDERER
from bridge.protocol import keys
from bridge.protocol.errors import BridgeError
from bridge.protocol.home import Endpoints, connection_path
from tests.support.cable import PacketCable, ProxyCable
from tests.support.daemons import MODEL, text
from tests.support.remote import free_port, hand_on
from tests.support.renderers import SINES

Cable = PacketCable | ProxyCable
PORT = 49_400
STEPS = "steps=40 step_seconds=0.05"


def clean(cable: Cable) -> None:
    """Nothing happens."""


def lossy(cable: Cable) -> None:
    """A fifth of a second each way, a tenth of that by chance more; 5 % of packets are lost."""
    if isinstance(cable, PacketCable):
        cable.loss, cable.delay_seconds, cable.jitter_seconds = 0.05, 0.2, 0.02


def short_cut(cable: Cable) -> None:
    """Nothing comes through for 3 s."""
    _cut(cable, 3.0)


def long_cut(cable: Cable) -> None:
    """Nothing comes through for 40 s, longer than connections are kept for."""
    _cut(cable, 40.0)


def flapping(cable: Cable) -> None:
    """Five cuts of 2 s."""
    for _ in range(5):
        _cut(cable, 2.0)
        time.sleep(1.0)


def ended(cable: Cable) -> None:
    """Connections end again and again, as by a router that was started again."""
    for _ in range(4):
        if isinstance(cable, ProxyCable):
            cable.drop()
        else:
            _cut(cable, 0.3)
        time.sleep(0.5)


def _cut(cable: Cable, seconds: float) -> None:
    cable.is_cut = True
    time.sleep(seconds)
    cable.is_cut = False


TROUBLES: dict[str, Callable[[Cable], None]] = {
    trouble.__name__: trouble for trouble in (clean, lossy, short_cut, flapping, ended, long_cut)
}


@dataclass
class Machines:
    """The daemon that renders and the one that asks, with a client of each on its own machine."""

    far: Path
    near: Path
    cable: Cable
    expected: list[str] | None = None  # hashes of audio, as the first run had them


@contextlib.contextmanager
def machines(folder: Path, proxy: bool) -> Iterator[Machines]:
    """Two daemons with a cable between them."""
    far, near = folder / "far", folder / "near"
    for home in (far, near):
        home.mkdir()
    keys.allow(far, "laptop", keys.own_pair(near).public)
    with contextlib.ExitStack() as stack:
        cable: Cable
        if proxy:
            port, shown = free_port(), free_port()
            cable = ProxyCable(shown, port)
            stack.callback(cable.close)
            address, bind, sides = f"tcp://127.0.0.1:{shown}", f"tcp://127.0.0.1:{port}", ([], [])
        else:
            cable = stack.enter_context(PacketCable())
            address = bind = f"tcp://{cable.far_address}:{PORT}"
            sides = (cable.command(cable.far), cable.command(cable.near))
        host, _, number = address.rpartition(":")
        link = keys.link(far, "laptop", Endpoints(address, f"{host}:{int(number) + 1}"))
        hand_on(near, link)
        stack.enter_context(_daemon(far, sides[0], "--bind", bind, "--model", str(MODEL), "--renderer", SINES))
        stack.enter_context(_daemon(near, sides[1], "--renderer", DEFAULT_RENDERER))
        yield Machines(far, near, cable)


@contextlib.contextmanager
def _daemon(home: Path, side: list[str], *options: str) -> Iterator[None]:
    words = [*side, sys.executable, "-m", "bridge.daemon", "--home", str(home), *options]
    with open(home / "daemon.err", "ab") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream, env=daemon_environment(home))
    try:
        while not connection_path(home).exists():
            assert process.poll() is None, (home / "daemon.err").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


ASK = """
import json, sys
from pathlib import Path
from bridge.client import Client, Timeouts
home, words = Path(sys.argv[1]), json.loads(sys.argv[2])
with Client.connect(home, timeouts=Timeouts(connect=60.0, reply=600.0)) as client:
    if words is None:
        print(json.dumps([job.state for job in client.jobs().jobs]))
    else:
        jobs = [client.submit(request) for request in words]
        print(json.dumps([[job.wait(600).state, job.result().sha256] for job in jobs]))
"""


def ask(cable: Cable, home: Path, side: str, words: object) -> list[Any]:
    """A client on the machine of `home`: what its jobs came to, or the states of all that are known there."""
    prefix = cable.command(side) if isinstance(cable, PacketCable) else []
    done = subprocess.run(
        [*prefix, sys.executable, "-c", ASK, str(home), json.dumps(words)],
        capture_output=True, text=True, env={**os.environ, **daemon_environment(home)},
    )  # fmt: skip
    if done.returncode:
        raise BridgeError(done.stderr[-2000:])
    return list(json.loads(done.stdout))


def run(name: str, machines: Machines, count: int) -> tuple[bool, str]:
    """Some jobs while the trouble happens; whether all is as it must be, and in words how it was."""
    cable = machines.cable
    before = len(ask(cable, machines.far, PacketCable.far, None))
    trouble = threading.Timer(1.5, TROUBLES[name], (cable,))
    if name == "lossy":
        lossy(cable)
    trouble.start()
    begun = time.monotonic()
    requests = [text(STEPS, seed=seed) for seed in range(count)]
    ends = ask(cable, machines.near, PacketCable.near, requests)
    seconds = time.monotonic() - begun
    trouble.join()
    if isinstance(cable, PacketCable):
        cable.loss = cable.delay_seconds = cable.jitter_seconds = 0.0
    there = ask(cable, machines.far, PacketCable.far, None)
    states, hashes = [end[0] for end in ends], [end[1] for end in ends]
    fine = states == ["completed"] * count and len(there) - before == count and set(there) == {"completed"}
    lost = f", {cable.lost} packets lost" if isinstance(cable, PacketCable) else ""
    words = f"{seconds:6.1f} s, {len(there) - before} of {count} rendered there, {', '.join(sorted(set(states)))}{lost}"
    machines.expected = machines.expected or hashes
    same = machines.expected == hashes
    return fine and same, words if same else f"{words}, OTHER AUDIO"


HELP = ", ".join(TROUBLES) + "; veth alone: linked daemons and a Ray cluster over a pair of virtual cables"


def main(arguments: list[str] | None = None) -> int:
    """Every trouble, or those named. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.network", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *TROUBLES, "veth"], metavar="NAME", help=HELP)
    parser.add_argument("--proxy", action="store_true", help="a proxy instead of namespaces")
    parser.add_argument("--jobs", type=int, default=2, help="in each trouble")
    given = parser.parse_args(arguments)
    if given.names == ["veth"]:
        from tests.support.cluster_network import run_all

        return 0 if run_all() else 1
    proxy = given.proxy or not PacketCable.is_possible()
    print("A proxy in this process." if proxy else "Two network namespaces.", flush=True)
    fine = True
    with tempfile.TemporaryDirectory() as folder, machines(Path(folder), proxy) as both:
        for name in given.names or TROUBLES:
            ok, words = run(name, both, given.jobs)
            fine = fine and ok
            print(f"{name:12}{'ok' if ok else 'WRONG':8}{words}", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
