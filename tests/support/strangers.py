"""A peer that speaks ZMTP by hand, as anybody on this machine may: for what no client would send."""

from __future__ import annotations

import contextlib
import socket
from types import TracebackType

from bridge.daemon.doors.zmtp import GREETING, LONG, MORE, command, encode_message, frame, property_bytes


class Stranger:
    """One connection to a port; `kind` is the socket type that it claims to be."""

    def __init__(self, endpoint: str, kind: bytes = b"DEALER") -> None:
        host, port = endpoint.removeprefix("tcp://").split(":")
        self.socket = socket.create_connection((host, int(port)), 30)
        self.send(GREETING + command(b"READY", property_bytes(b"Socket-Type", kind)))

    def send(self, data: bytes) -> None:
        """Bytes as they are. Raises OSError when the other side has closed."""
        self.socket.sendall(data)

    def say(self, *frames: bytes) -> None:
        """One message."""
        self.send(encode_message(frames))

    def begin_frame(self, size: int, sent: bytes = b"", more: bool = False) -> None:
        """A frame of which only the beginning is sent."""
        self.send(bytes([LONG | (MORE if more else 0)]) + size.to_bytes(8, "big") + sent)

    def subscribe(self, topic: bytes) -> None:
        """Ask for events."""
        self.send(frame(0, b"\x01" + topic))

    def read_all(self) -> bytes:
        """What comes until the other side closes."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while got := self.socket.recv(1 << 16):
                data += got
        return data

    def is_let_go(self) -> bool:
        """Waits until the other side closes; what it sends before is of no interest. Raises TimeoutError."""
        self.read_all()
        return True

    def close(self) -> None:
        """Gone."""
        self.socket.close()

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
