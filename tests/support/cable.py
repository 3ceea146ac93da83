"""Bad cables between two daemons: through a proxy in this process, or of IP packets between two network namespaces."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from types import TracebackType

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
_LOOK_SECONDS = 0.01


class ProxyCable:
    """Forwards a port and the next one. `is_cut` holds everything back, as a cable does that nobody has noticed."""

    def __init__(self, port: int, to_port: int) -> None:
        self.is_cut = False
        self._ends: list[socket.socket] = []
        self._doors = [self._listen(port + number, to_port + number) for number in (0, 1)]

    def drop(self) -> None:
        """End every connection, as a router does that was started again."""
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no more."""
        for door in self._doors:
            door.close()
        self.drop()

    def _listen(self, port: int, to_port: int) -> socket.socket:
        door = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(door, to_port), daemon=True).start()
        return door

    def _accept(self, door: socket.socket, to_port: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = door.accept()[0]
                far = socket.create_connection(("127.0.0.1", to_port))
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                while self.is_cut:
                    time.sleep(_LOOK_SECONDS)
                other.sendall(data)
        for end in (one, other):
            end.close()


class PacketCable:
    """Two network namespaces whose packets this process carries, late, or not at all. Linux, root."""

    near, far = "acestep-near", "acestep-far"
    near_address, far_address = "10.213.77.1", "10.213.77.2"

    def __init__(self) -> None:
        self.is_cut, self.loss, self.delay_seconds, self.jitter_seconds = False, 0.0, 0.0, 0.0
        self.carried = self.lost = 0
        self._over, self._chance = threading.Event(), random.Random(1)
        self._waiting: list[tuple[float, int, int, bytes]] = []

    @staticmethod
    def is_possible() -> bool:
        """Whether namespaces and TUN devices can be made here."""
        there = sys.platform == "linux" and shutil.which("ip") and os.path.exists("/dev/net/tun")
        return bool(
            there and os.geteuid() == 0 and subprocess.run(["ip", "netns"], capture_output=True).returncode == 0
        )

    def __enter__(self) -> PacketCable:
        ends = ((self.near, self.near_address), (self.far, self.far_address))
        self._files = [self._end(name, address, number) for number, (name, address) in enumerate(ends)]
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        for file in self._files:
            os.close(file)
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def command(self, side: str, *words: str) -> list[str]:
        """A command in a namespace."""
        return ["ip", "netns", "exec", side, *words]

    def _end(self, name: str, address: str, number: int) -> int:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        _ip("netns", "add", name)
        import fcntl  # no such module on Windows

        device = f"acestep{number}"
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH", device.encode(), _IFF_TUN | _IFF_NO_PI))
        _ip("link", "set", device, "netns", name)
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "address", "add", f"{address}/24", "dev", device)
        _ip("-n", name, "link", "set", device, "up")
        return file

    def _carry(self) -> None:
        while not self._over.is_set():
            ready, _, _ = select.select(self._files, [], [], _LOOK_SECONDS / 5)
            for file in ready:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        self._take(file, os.read(file, 1 << 16))
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, target, packet = heapq.heappop(self._waiting)
                with contextlib.suppress(OSError):
                    os.write(target, packet)

    def _take(self, file: int, packet: bytes) -> None:
        if self.is_cut or self._chance.random() < self.loss:
            self.lost += 1
            return
        self.carried += 1
        late = self.delay_seconds + self.jitter_seconds * self._chance.random()
        target = self._files[1 - self._files.index(file)]
        heapq.heappush(self._waiting, (time.monotonic() + late, self.carried, target, packet))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
