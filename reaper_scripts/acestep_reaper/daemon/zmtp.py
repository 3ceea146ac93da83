"""A ZMTP 3.0 DEALER (NULL mechanism) on a non-blocking socket, after RFC 23.

Knows frames and nothing of what they mean. One `tick` sends and receives a bounded number
of bytes, so it may run in REAPER's main thread. Answers PING with PONG. Raises ConnectionLost.
"""

import errno
import select
import socket
import struct

from ..errors import ConnectionLost

BYTES_PER_TICK = 1 << 18
MOST_BYTES = 1 << 30  # of a frame, and of a message: docs/protocol.md
MOST_FRAMES = 64
_SIGNATURE = b"\xff" + b"\0" * 8 + b"\x7f"
GREETING = _SIGNATURE + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + b"\0" * 31
MORE, LONG, COMMAND = 1, 2, 4
_IN_PROGRESS = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 10035))


def frame(flags, body):
    """One frame: flags, length in 1 byte or (LONG) 8, body."""
    if len(body) < 256:
        return struct.pack(">BB", flags, len(body)) + body
    return struct.pack(">BQ", flags | LONG, len(body)) + body


def message(parts):
    """The frames of one message."""
    last = len(parts) - 1
    return b"".join(frame(MORE if i < last else 0, part) for i, part in enumerate(parts))


def command(name, body):
    """A command frame such as READY or PONG."""
    return frame(COMMAND, struct.pack(">B", len(name)) + name + body)


def property_bytes(name, value):
    """A metadata property of READY."""
    return struct.pack(">B", len(name)) + name + struct.pack(">I", len(value)) + value


READY = command(b"READY", property_bytes(b"Socket-Type", b"DEALER") + property_bytes(b"Identity", b""))


class Dealer(object):
    """One connection: `send(parts)`, `tick()` gives the messages that are complete."""

    def __init__(self, host, port):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._out = bytearray(GREETING + READY)
        self._in = bytearray()
        self._parts = []
        self._greeted = False
        self.ready = False
        self._connected = False
        code = self._socket.connect_ex((host, port))
        if code not in _IN_PROGRESS:
            self.close()
            raise ConnectionLost("No daemon listens on port %d" % port)

    def send(self, parts):
        """Queues one message; it leaves in the next ticks."""
        self._out += message(parts)

    def close(self):
        self._socket.close()

    def tick(self):
        """Sends and receives what the socket takes and has; returns complete messages."""
        try:
            readable, writable, failed = select.select([self._socket], [self._socket], [self._socket], 0)
            if failed:
                raise OSError("connect failed")
            if writable:
                self._connected = True
                self._flush()
            if readable:
                self._receive()
        except OSError as error:
            self.close()
            raise ConnectionLost("The connection to the daemon failed (%s)" % error)
        return self._parse()

    def _flush(self):
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "connect")
        if self._out:
            try:
                sent = self._socket.send(bytes(self._out[:BYTES_PER_TICK]))
            except BlockingIOError:
                return
            del self._out[:sent]

    def _receive(self):
        try:
            data = self._socket.recv(BYTES_PER_TICK)
        except BlockingIOError:
            return
        if not data:
            raise OSError("closed by the daemon")
        self._in += data

    def _parse(self):
        if not self._greeted and not self._greeting():
            return []
        messages = []
        while True:
            item = self._next_frame()
            if item is None:
                return messages
            flags, body = item
            if flags & COMMAND:
                self._command(body)
                continue
            self._parts.append(body)
            self._check_size(sum(map(len, self._parts)))
            if not flags & MORE:
                messages.append(self._parts)
                self._parts = []

    def _greeting(self):
        if len(self._in) < 64:
            return False
        if self._in[0] != 0xFF or self._in[9] != 0x7F or self._in[10] < 3:
            self.close()
            raise ConnectionLost("What answers there is not the ACE-Step daemon")
        if bytes(self._in[12:32]).rstrip(b"\0") != b"NULL":
            self.close()
            raise ConnectionLost("The daemon wants a key that this script does not have")
        del self._in[:64]
        self._greeted = True
        return True

    def _next_frame(self):
        if len(self._in) < 2:
            return None
        flags, head = self._in[0], 2
        size = self._in[1]
        if flags & LONG:
            head = 9
            if len(self._in) < head:
                return None
            size = struct.unpack_from(">Q", self._in, 1)[0]
        self._check_size(size)
        if len(self._in) < head + size:
            return None
        body = bytes(self._in[head : head + size])
        del self._in[: head + size]
        return flags, body

    def _check_size(self, size):
        """Something else may listen on the port where the daemon did."""
        if size > MOST_BYTES or len(self._parts) > MOST_FRAMES:
            self.close()
            raise ConnectionLost("What answers there is not the ACE-Step daemon")

    def _command(self, body):
        if not body:
            return
        name = body[1 : 1 + body[0]]
        if name == b"READY":
            self.ready = True
        elif name == b"PING":
            self._out += command(b"PONG", body[1 + body[0] + 2 :])
        elif name == b"ERROR":
            self.close()
            raise ConnectionLost("The daemon refused the connection")
