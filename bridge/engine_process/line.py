"""The engine process's end of the inner wire: a thread that owns the socket, so that rendering never touches it.

It beats once a second, hears cancels while a job runs, and hands other orders to the main thread.
"""

from __future__ import annotations

import os
import queue
import threading

import zmq

from bridge.engine_process import wire
from bridge.protocol.errors import ProtocolError

_OUTBOX = "inproc://outbox"


class Line:
    """`orders` gives what the daemon wants; `say` may be called from any thread."""

    def __init__(self, start: wire.Start) -> None:
        self._start = start
        self._context = zmq.Context()
        self._inside = self._context.socket(zmq.PULL)
        self._inside.bind(_OUTBOX)
        self._outbox = self._context.socket(zmq.PUSH)
        self._outbox.connect(_OUTBOX)
        self._cancels: dict[str, threading.Event] = {}
        self._unwanted: set[str] = set()
        self._mutex, self._saying = threading.Lock(), threading.Lock()
        self.orders: queue.SimpleQueue[wire.Load | wire.RenderJob | wire.AbandonJob | wire.Stop] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()

    def say(self, message: wire.Said) -> None:
        """Send something to the daemon."""
        frames = wire.say(self._start.key, message)
        with self._saying:
            self._outbox.send_multipart(frames)

    def begin(self, job_id: str) -> threading.Event:
        """From now on a cancel of that job sets the event that is returned."""
        with self._mutex:
            cancel = self._cancels[job_id] = threading.Event()
            if job_id in self._unwanted:
                self._unwanted.discard(job_id)
                cancel.set()
            return cancel

    def end(self, job_id: str) -> None:
        """The job is over: a cancel that comes now has nothing to stop."""
        with self._mutex:
            self._cancels.pop(job_id, None)

    def close(self) -> None:
        """Send what is left and end."""
        self._outbox.send(b"")
        self._thread.join(2.0)

    def _run(self) -> None:
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 1000)
        socket.connect(self._start.endpoint)
        socket.send_multipart(wire.say(self._start.key, wire.Ready(pid=os.getpid())))
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(self._inside, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(int(wire.BEAT_SECONDS * 1000)))
            if not ready:
                socket.send_multipart(wire.say(self._start.key, wire.Beat()))
            if self._inside in ready:
                frames = self._inside.recv_multipart()
                if frames == [b""]:
                    break
                socket.send_multipart(frames)
            if socket in ready:
                self._hear(socket.recv_multipart())
        socket.close()

    def _hear(self, frames: list[bytes]) -> None:
        try:
            message = wire.heard_by_engine(self._start.key, frames)
        except ProtocolError:
            return
        if not isinstance(message, wire.CancelJob):
            self.orders.put(message)
            return
        with self._mutex:
            if message.job_id in self._cancels:
                self._cancels[message.job_id].set()
            else:
                self._unwanted.add(message.job_id)
