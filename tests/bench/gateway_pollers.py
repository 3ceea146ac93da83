"""Callers of the gateway for its bench: pollers that keep their connection, streams that only read. One process, plain
sockets and one selector, since what fifty HTTP clients of Python take would be what is measured.

`python gateway_pollers.py '{"port", "key", "path", "pollers", "streams", "every_seconds"}'` prints `ready`, works until
a line comes on standard input, and then prints one line of JSON: seconds of each answer with the time of day, how late
its own timers were (what this machine does to any process that wakes up), and its own processor time.
"""

from __future__ import annotations

import heapq
import json
import resource
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field


@dataclass(order=True)
class Poller:
    """One connection. `due`: when it asks again."""

    due: float
    line: socket.socket = field(compare=False)
    asked: float = field(default=0.0, compare=False)
    got: bytes = field(default=b"", compare=False)

    def is_answered(self) -> bool:
        """Whether a whole answer has come. Raises ConnectionError where the line was ended."""
        chunk = self.line.recv(65536)
        if not chunk:
            raise ConnectionError("the gateway ended a line")
        self.got += chunk
        head, mark, body = self.got.partition(b"\r\n\r\n")
        if not mark:
            return False
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        return len(body) >= int(lengths[0].split(b":")[1])


class Load:
    """All callers."""

    def __init__(self, port: int, key: str, path: str, pollers: int, streams: int, every_seconds: float) -> None:
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Key {key}\r\n\r\n".encode()
        self._path, self._port, self._every = path.encode(), port, every_seconds
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._asking = b"GET %b HTTP/1.1\r\n%b" % (self._path, self._head)
        began = time.perf_counter()
        self._waiting = [Poller(began + every_seconds * n / pollers, self._line()) for n in range(pollers)]
        heapq.heapify(self._waiting)
        self._streams = [self._line() for _ in range(streams)]
        for line in self._streams:
            line.sendall(b"GET %b/stream HTTP/1.1\r\n%b" % (self._path, self._head))
        self.answers: list[tuple[float, float]] = []
        self.late: list[float] = []

    def _line(self) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self._port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def work(self) -> None:
        """Until standard input says something."""
        for line in self._streams:
            self._selector.register(line, selectors.EVENT_READ)
        while True:
            self._ask_those_that_are_due()
            left = self._waiting[0].due - time.perf_counter() if self._waiting else 1.0
            for event, _ in self._selector.select(max(0.0, left)):
                if event.fileobj is sys.stdin:
                    return
                self._read(event)

    def _ask_those_that_are_due(self) -> None:
        now = time.perf_counter()
        while self._waiting and self._waiting[0].due <= now:
            poller = heapq.heappop(self._waiting)
            self.late.append(now - poller.due)
            poller.asked, poller.got = time.perf_counter(), b""
            poller.line.sendall(self._asking)
            self._selector.register(poller.line, selectors.EVENT_READ, poller)

    def _read(self, event: selectors.SelectorKey) -> None:
        poller = event.data
        if poller is None:
            assert isinstance(event.fileobj, socket.socket)
            if not event.fileobj.recv(65536):
                self._selector.unregister(event.fileobj)
        elif poller.is_answered():
            now = time.perf_counter()
            self.answers.append((time.time(), now - poller.asked))
            poller.due = max(now, poller.asked + self._every)
            self._selector.unregister(poller.line)
            heapq.heappush(self._waiting, poller)


def main() -> None:
    load = Load(**json.loads(sys.argv[1]))
    print("ready", flush=True)
    load.work()
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"answers": load.answers, "late": load.late, "processor_seconds": used.ru_utime + used.ru_stime}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
