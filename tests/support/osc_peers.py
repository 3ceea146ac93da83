"""Independent programs that speak OSC, each behind the same few methods. No tests.

liblo's oscsend and oscdump (Debian liblo-tools), pyliblo3 (its own liblo inside), node-osc (npm).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.patience import HANG_SECONDS

Heard = tuple[str, tuple[Any, ...]]
NODE_PEERS = "ACESTEP_NODE_PEERS"


class Peer:
    """Sends, and keeps all that it hears, in order."""

    name = ""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder
        self.heard: list[Heard] = []
        self.seen = 0
        self.open()

    @staticmethod
    def why_not() -> str:
        """Reason why this peer cannot be had here, or an empty string."""
        return ""

    def open(self) -> None:
        """Listen, and register."""

    def send(self, path: str, *values: Any) -> None:
        """One message to the controller; the path without /acestep/."""

    def poll(self) -> None:
        """Take what came."""

    def close(self) -> None:
        """End."""

    def wait(self, path: str, *first: Any, holding: str = "", seconds: float = HANG_SECONDS) -> tuple[Any, ...]:
        """The arguments of the next message to a path with these first arguments; what came before it is dropped."""
        limit = time.monotonic() + seconds
        while True:
            self.poll()
            for index in range(self.seen, len(self.heard)):
                got, values = self.heard[index]
                if got == f"/acestep/{path}" and values[: len(first)] == first and holding in str(values):
                    self.seen = index + 1
                    return values
            assert time.monotonic() < limit, (path, first, self.heard[self.seen :][-20:])
            time.sleep(0.01)


class LibloTools(Peer):
    """oscsend for each message, oscdump for all that comes."""

    name = "liblo-tools"

    @staticmethod
    def why_not() -> str:
        absent = not (shutil.which("oscsend") and shutil.which("oscdump"))
        return "oscsend and oscdump (Debian liblo-tools) are absent" if absent else ""

    def open(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            listening = probe.getsockname()[1]
        self.log, self.lines = self.folder / "oscdump.txt", 0
        with open(self.log, "wb") as file:
            self.process = subprocess.Popen(["oscdump", "-L", str(listening)], stdout=file)
        self.send("register", listening)
        self.wait("ack", "/acestep/register")

    def send(self, path: str, *values: Any) -> None:
        types = "".join({int: "i", float: "f"}.get(type(value), "s") for value in values)
        words = ["oscsend", "127.0.0.1", str(self.port), f"/acestep/{path}", *([types] if types else [])]
        subprocess.run([*words, *map(str, values)], check=True, timeout=HANG_SECONDS)

    def poll(self) -> None:
        lines = self.log.read_text("utf-8", "replace").split("\n")[:-1]
        for line in lines[self.lines :]:
            self.heard.append(_dumped(line))
        self.lines = len(lines)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def _dumped(line: str) -> Heard:
    """A line of oscdump: time, path, type tags, values; texts in quotes."""
    _, path, *rest = line.split(" ", 3)
    tags, text = [*rest, "", ""][:2]
    values: list[Any] = []
    for tag in tags:
        if tag == "s":
            _, value, text = text.split('"', 2)
            values.append(value)
        else:
            value, _, text = text.strip().partition(" ")
            values.append(int(value) if tag == "i" else float(value))
    return path, tuple(values)


class Pyliblo(Peer):
    """pyliblo3's server: it sends from the port that it listens on, so that it need not register."""

    name = "pyliblo3"

    @staticmethod
    def why_not() -> str:
        return "" if importlib.util.find_spec("pyliblo3") else "pyliblo3 is absent"

    def open(self) -> None:
        import pyliblo3

        self.server = pyliblo3.Server()
        self.server.add_method(None, None, lambda path, values: self.heard.append((path, tuple(values))))
        self.target = pyliblo3.Address("127.0.0.1", self.port)
        self.send("sync")

    def send(self, path: str, *values: Any) -> None:
        typed = [({int: "i", float: "f"}.get(type(value), "s"), value) for value in values]
        self.server.send(self.target, f"/acestep/{path}", *typed)

    def poll(self) -> None:
        while self.server.recv(0):
            pass

    def close(self) -> None:
        self.server.free()


class NodeOsc(Peer):
    """node-osc in a process of node. Started with `extra` words, such as a flag that gives WebSocket to node 20."""

    name = "node-osc"
    extra: tuple[str, ...] = ()

    @staticmethod
    def why_not() -> str:
        folder = os.environ.get(NODE_PEERS, "")
        there = shutil.which("node") and (Path(folder) / "node_modules" / "node-osc").is_dir()
        return "" if there else f"node-osc is absent: npm install --prefix DIR node-osc oscquery; {NODE_PEERS}=DIR"

    def open(self) -> None:
        script = Path(__file__).with_suffix(".mjs")
        self.process = subprocess.Popen(
            ["node", *self.extra, str(script), str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines: list[list[Any]] = []
        threading.Thread(target=self._read, daemon=True).start()
        listening = self.said("listening")[1]
        self.send("register", listening)
        self.wait("ack", "/acestep/register")

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def said(self, word: str, seconds: float = 20.0) -> list[Any]:
        """The next line of the script that begins with a word."""
        limit = time.monotonic() + seconds
        while not (found := [line for line in self.lines if line[0] == word]):
            assert time.monotonic() < limit, self.lines[-5:]
            time.sleep(0.01)
        return found[-1]

    def ask(self, wish: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()

    def send(self, path: str, *values: Any) -> None:
        self.ask({"send": [f"/acestep/{path}", *values]})

    def poll(self) -> None:
        paths = [line for line in self.lines if line[0].startswith("/")]
        self.heard = [(line[0], tuple(line[1:])) for line in paths]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(HANG_SECONDS)
        self.process.stdout.close()


class NodeWebSocket(NodeOsc):
    """node's own WebSocket besides, which has been there since node 20.10, behind a flag at first."""

    name, extra = "node's WebSocket", ("--experimental-websocket",)

    @staticmethod
    def why_not() -> str:
        words = ["node", *NodeWebSocket.extra, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
        without = NodeOsc.why_not()
        if without:
            return without
        return "" if subprocess.run(words, capture_output=True).returncode == 0 else "this node has no WebSocket"


PEERS = [LibloTools, Pyliblo, NodeOsc]
