"""What anybody on this machine can do to a daemon without its key, with full weight: memory, and the others' latency.

`python -m tests.attacks [NAME...] [--seconds S]` prints a row for each attack and fails if the daemon ended, grew by
more than 150 MB, or let anybody wait for more than a second. docs/security.md holds the table.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bridge.client import Client
from bridge.daemon.doors.zmtp import MORE, encode_message, frame
from bridge.protocol.home import connection_path, read_connection
from tests.support.daemons import Daemon, running, text
from tests.support.strangers import Stranger

UNSIGNED = b"0" * 64
MOST_BYTES, MOST_SECONDS = 150_000_000, 1.0
Attack = Callable[[str, str, Callable[[], bool]], None]  # commands, events, whether to go on


def stubborn(endpoint: str, kind: bytes, attack: Callable[[Stranger], None], goes_on: Callable[[], bool]) -> None:
    """The same again on a new connection each time it was let go."""
    while goes_on():
        with contextlib.suppress(OSError), Stranger(endpoint, kind) as stranger:
            attack(stranger)


def subscriptions(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """200,000 subscriptions, then close."""
    many = b"".join(frame(0, b"\x01" + b"%d" % number) for number in range(200_000))
    stubborn(events, b"SUB", lambda stranger: stranger.send(many), goes_on)


def unsigned(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """Small unsigned messages as fast as they go."""
    many = encode_message([UNSIGNED, b"{}", b"{}"]) * 10_000
    stubborn(commands, b"DEALER", lambda stranger: stranger.send(many), goes_on)


def empty_frames(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """One message of a million empty frames."""
    many = frame(MORE, b"") * 1_000_000
    stubborn(commands, b"DEALER", lambda stranger: stranger.send(many), goes_on)


def endless(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """Frames of a megabyte with MORE that never end."""
    part = frame(MORE, b"x" * 1_000_000)

    def attack(stranger: Stranger) -> None:
        while goes_on():
            stranger.send(part)

    stubborn(commands, b"DEALER", attack, goes_on)


def large(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """20 connections at once, each with an unsigned message of 50 MB."""
    body = encode_message([UNSIGNED, b"{}", b"x" * 50_000_000])

    def one() -> None:
        stubborn(commands, b"DEALER", lambda stranger: stranger.send(body), goes_on)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(20)]
    for thread in threads:
        thread.start()
    while goes_on():
        time.sleep(0.05)


def connections(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """Two thousand connections that say nothing, at both ports."""
    kept: list[Stranger] = []
    while goes_on():
        for endpoint in (commands, events):
            with contextlib.suppress(OSError):
                kept.append(Stranger(endpoint))
        if len(kept) > 400:
            kept.pop(0).close()
    for stranger in kept:
        stranger.close()


def pings(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """Heartbeats without end whose answers are never read."""
    many = frame(4, b"\x04PING\x00\x00context") * 100_000
    stubborn(commands, b"DEALER", lambda stranger: stranger.send(many), goes_on)


def garbage(commands: str, events: str, goes_on: Callable[[], bool]) -> None:
    """Bytes of no protocol at all."""
    many = bytes(range(256)) * 40_000
    stubborn(commands, b"", lambda stranger: stranger.send(many), goes_on)


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (subscriptions, unsigned, empty_frames, endless, large, connections, pings, garbage)
}


def run(name: str, commands: str, events: str, seconds: float, begun: Any) -> None:
    """An attack for some seconds, once this process has begun, which takes long."""
    begun.set()
    until = time.monotonic() + seconds
    ATTACKS[name](commands, events, lambda: time.monotonic() < until)


@dataclass
class Outcome:
    """What an attack cost: bytes of memory that the daemon grew by at most, and how long others waited."""

    grown: int
    waits: list[float]
    alive: bool

    def is_fine(self) -> bool:
        """Whether nobody was held up and nothing was taken."""
        return self.alive and self.grown < MOST_BYTES and max(self.waits) < MOST_SECONDS

    def row(self, name: str) -> str:
        """A row of the table."""
        middle, worst = 1000 * statistics.median(self.waits), 1000 * max(self.waits)
        end = "" if self.alive else "  THE DAEMON ENDED"
        return f"{name:15}{self.grown / 1e6:10.1f} MB{middle:12.1f} ms{worst:12.1f} ms{len(self.waits):8}{end}"


def measure(daemon: Daemon, client: Client, attack: Attack | None, seconds: float) -> Outcome:
    """An attack for some seconds, while a client says hello and renders."""
    connection, process = read_connection(connection_path(daemon.home)), daemon.process
    assert process is not None
    watched = psutil.Process(process.pid)
    before = most = watched.memory_info().rss
    waits: list[float] = []
    attacker = None
    if attack is not None:  # in a process of its own: it must not take this one's turns
        spawning = multiprocessing.get_context("spawn")
        has_begun = spawning.Event()
        arguments = (attack.__name__, connection.endpoints.commands, connection.endpoints.events, seconds, has_begun)
        attacker = spawning.Process(target=run, args=arguments, daemon=True)
        attacker.start()
        assert has_begun.wait(60), "the attacker did not begin"
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        begun = time.monotonic()
        client.hello()
        waits.append(time.monotonic() - begun)
        most = max(most, watched.memory_info().rss)
        time.sleep(0.01)
    if attacker is not None:
        attacker.kill()
        attacker.join()
    alive = process.poll() is None and client.submit(text()).wait(60).state == "completed"
    return Outcome(most - before, waits, alive)


def main(arguments: list[str] | None = None) -> int:
    """Every attack, or those named. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ATTACKS], metavar="NAME", help=", ".join(ATTACKS))
    parser.add_argument("--seconds", type=float, default=5.0, help="a single attack")
    given = parser.parse_args(arguments)
    fine = True
    print(f"{'attack':15}{'memory':>13}{'hello p50':>15}{'worst':>15}{'hellos':>8}")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "home") as daemon, daemon.client() as client:
        print(measure(daemon, client, None, given.seconds).row("nothing"), flush=True)
        for name in given.names or ATTACKS:
            outcome = measure(daemon, client, ATTACKS[name], given.seconds)
            print(outcome.row(name), flush=True)
            fine = fine and outcome.is_fine()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
