"""`python -m tests.network veth`: two network namespaces with a veth pair between, and the cable cut in mid-job.

A Ray head and the daemon in one, the cluster's only places on a node in the other; then two daemons, each linked to the
other, a job each way. Linux, root.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bridge.client.start import daemon_environment
from bridge.protocol import keys
from bridge.protocol.home import Endpoints, connection_path
from tests.support.daemons import MODEL, text
from tests.support.patience import HANG_SECONDS
from tests.support.remote import hand_on
from tests.support.renderers import SINES

RAY_PORT, LINK_PORT = 6379, 49_400
JOIN = (f"--address=10.213.78.1:{RAY_PORT}", "--num-cpus=1")
STARTED = "Ray runtime started"
SHORT_SECONDS, LONG_SECONDS = 3.0, 40.0  # a node counts as dead after five looks of 3 s
JOB = "steps=80 step_seconds=0.1"
ASK = """
import json, sys, time
from pathlib import Path
from bridge.client import Client, Timeouts
home, request = Path(sys.argv[1]), json.loads(sys.argv[2])
with Client.connect(home, timeouts=Timeouts(connect=60.0, reply=600.0)) as client:
    job = client.submit(request)
    while (status := job.status()).step < 2:
        assert not status.finished, status  # of a job that is over no step is told
        time.sleep(0.1)
    print("renders", flush=True)
    state = job.wait(600).state
    lines = [line.text for line in client.logs(job.job_id).lines]
    entries = len(job.result().entries) if state == "completed" else 0
    print(json.dumps([state, entries, lines.count("completed"), lines.count("running")]))
"""


class VethCable:
    """Two namespaces, each with one end of a veth pair. `cut` takes one end down."""

    near, far = "acestep-near", "acestep-far"
    near_address, far_address = "10.213.78.1", "10.213.78.2"

    def __enter__(self) -> VethCable:
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
            _ip("netns", "add", name)
        _ip("-n", self.near, "link", "add", "acestep0", "type", "veth", "peer", "name", "acestep0", "netns", self.far)
        for name, address in ((self.near, self.near_address), (self.far, self.far_address)):
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "acestep0")
            _ip("-n", name, "link", "set", "acestep0", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def address(self, side: str) -> str:
        """Of an end."""
        return self.near_address if side == self.near else self.far_address

    def cut(self, seconds: float) -> None:
        """Nothing comes through for a while."""
        _ip("-n", self.far, "link", "set", "acestep0", "down")
        time.sleep(seconds)
        _ip("-n", self.far, "link", "set", "acestep0", "up")

    def command(self, side: str, *words: str) -> list[str]:
        """A command in a namespace."""
        return ["ip", "netns", "exec", side, *words]


def refusal() -> str:
    """Why namespaces and veth pairs cannot be made here, in the kernel's words; "" where they can."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "no Linux with iproute2"
    try:
        with VethCable():
            return ""
    except subprocess.CalledProcessError as error:
        return f"{' '.join(error.cmd)}: {error.stderr.decode(errors='replace').strip()}"


def run_all() -> bool:
    """Whether each job ended completed, once; says how each went."""
    why = refusal()
    if why:
        print(f"skipped: {why}", flush=True)
        return True
    fine = all([_linked(VethCable.near, VethCable.far), _linked(VethCable.far, VethCable.near)])
    if importlib.util.find_spec("ray") is None:
        print("cluster skipped: Ray is not installed (the extra ray)", flush=True)
        return fine
    return _cluster() and fine


def said(name: str, answer: list[Any], seconds: float, more: str = "") -> bool:
    """A line of the report, and whether the job completed once."""
    state, entries, completed, running = answer
    fine = (state, entries, completed) == ("completed", 1, 1)
    words = f"{seconds:6.1f} s, {state}, {completed} completion, begun {running} times{more}"
    print(f"{name:28}{'ok' if fine else 'WRONG':8}{words}", flush=True)
    return fine


def asked(cable: VethCable, side: str, home: Path, trouble: Callable[[], None], seed: int) -> list[Any]:
    """A job of the daemon of `home`, with trouble when it renders; how it ended."""
    words = cable.command(side, sys.executable, "-c", ASK, str(home), json.dumps(text(JOB, seed=seed)))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=_environment(home)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "renders\n"
        trouble()
        answer: list[Any] = json.loads(process.stdout.readline())
        return answer


@contextlib.contextmanager
def daemon(cable: VethCable, side: str, home: Path, *options: str) -> Iterator[None]:
    """A daemon in a namespace."""
    words = cable.command(side, sys.executable, "-m", "bridge.daemon", "--home", str(home), *options)
    with open(home / "daemon.err", "ab") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream, env=_environment(home))
    try:
        limit = time.monotonic() + HANG_SECONDS
        while not connection_path(home).exists():
            assert process.poll() is None and time.monotonic() < limit, (home / "daemon.err").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _linked(asks: str, renders: str) -> bool:
    """A job of one daemon, rendered by the other, and the cable cut meanwhile."""
    with tempfile.TemporaryDirectory() as name, VethCable() as cable, contextlib.ExitStack() as stack:
        there, here = Path(name) / "there", Path(name) / "here"
        for home in (there, here):
            home.mkdir()
        keys.allow(there, "asks", keys.own_pair(here).public)
        address = f"tcp://{cable.address(renders)}"
        link = keys.link(there, "asks", Endpoints(f"{address}:{LINK_PORT}", f"{address}:{LINK_PORT + 1}"))
        hand_on(here, link)
        bound = ("--bind", f"{address}:{LINK_PORT}", "--model", str(MODEL), "--renderer", SINES)
        stack.enter_context(daemon(cable, renders, there, *bound))
        stack.enter_context(daemon(cable, asks, here))
        began = time.monotonic()
        answer = asked(cable, asks, here, lambda: cable.cut(SHORT_SECONDS), 5)
        seconds = time.monotonic() - began
        rendered = sum(1 for line in (there / "daemon.err").read_text().splitlines() if "Traceback" in line)
        return said(f"linked, {asks} asks", answer, seconds) and rendered == 0


def _cluster() -> bool:
    with tempfile.TemporaryDirectory(prefix="r") as name, VethCable() as cable, contextlib.ExitStack() as stack:
        home = Path(name) / "home"
        home.mkdir()
        head = ("--head", f"--port={RAY_PORT}", "--include-dashboard=false", f"--temp-dir={name}/ray", "--num-cpus=0")
        nodes = Nodes(cable, home, head)
        stack.callback(nodes.end)
        nodes.start_all()
        options = ("--executor", "ray", "--address", f"{cable.near_address}:{RAY_PORT}", "--workers", "1")
        stack.enter_context(daemon(cable, cable.near, home, *options, "--model", str(MODEL), "--renderer", SINES))
        fine = True
        for label, trouble in (
            ("cluster, a cut of 3 s", lambda: cable.cut(SHORT_SECONDS)),
            ("cluster, a cut of 40 s", nodes.long_cut),
            ("cluster, the head killed", nodes.new_head),
        ):
            began = time.monotonic()
            answer = asked(cable, cable.near, home, trouble, 5)
            fine = said(label, answer, time.monotonic() - began) and fine
        return fine


class Nodes:
    """Ray's nodes, each a process that ends with its children."""

    def __init__(self, cable: VethCable, home: Path, head: tuple[str, ...]) -> None:
        self._cable, self._home, self._head = cable, home, head
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, side: str, *words: str) -> None:
        """A node in a namespace, when it is up: two that start at once on one file system take each other's sockets."""
        own = ("--block", f"--node-ip-address={self._cable.address(side)}")
        command = self._cable.command(side, sys.executable, "-m", "ray.scripts.scripts", "start", *words, *own)
        path = self._home / f"ray-{side}.log"
        before = path.read_text().count(STARTED) if path.exists() else 0
        with open(path, "ab") as log:
            process = subprocess.Popen(
                command, env=_environment(self._home), stdout=log, stderr=log, start_new_session=True
            )
        self._running.append(process)
        limit = time.monotonic() + HANG_SECONDS
        while path.read_text().count(STARTED) == before:
            assert process.poll() is None and time.monotonic() < limit, path.read_text()[-2000:]
            time.sleep(0.2)

    def long_cut(self) -> None:
        """The node counts as dead and ends itself; whoever looks after it starts it again."""
        self._cable.cut(LONG_SECONDS)
        _end(self._running.pop())
        self.start(self._cable.far, *JOIN)

    def start_all(self) -> None:
        """The head here, the one that renders there."""
        self.start(self._cable.near, *self._head)
        self.start(self._cable.far, *JOIN)

    def new_head(self) -> None:
        """The whole cluster is gone with its head; another one is started at its address."""
        self.end()
        self.start_all()

    def end(self) -> None:
        """All of them."""
        while self._running:
            _end(self._running.pop(0))


def _end(process: subprocess.Popen[bytes]) -> None:
    """A node and what it has started."""
    import psutil

    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        psutil.wait_procs(children, 10)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
    process.kill()
    process.wait()


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, **daemon_environment(home)}


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
