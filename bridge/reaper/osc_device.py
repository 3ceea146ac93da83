"""REAPER's control surfaces in reaper.ini (csurf_cnt, csurf_0, ...) and our OSC device among them.

Knows only text of the file. REAPER binds the receive port on all interfaces, which the installer says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.reaper.ini_text import get_key, set_keys

_RECEIVE, _SEND, _BIND = 1, 2, 4
_MOST_DEVICES = 64


@dataclass(frozen=True)
class OscDevice:
    """An OSC surface: REAPER listens on `listen_port` and sends to `send_host`:`send_port`."""

    name: str = "acestep-bridge"
    listen_port: int = 8000
    send_host: str = "127.0.0.1"
    send_port: int = 9000
    pattern: str = ""  # the name of a .ReaperOSC file; empty is REAPER's default

    @property
    def line(self) -> str:
        flags = _RECEIVE | _SEND | _BIND
        ports = f'{self.listen_port} "{self.send_host}" {self.send_port}'
        return f'OSC "{self.name}" {flags} {ports} 1024 10 "{self.pattern}"'


def devices(ini: str) -> list[str]:
    """All control surfaces of reaper.ini, in order."""
    count = get_key(ini, "csurf_cnt") or "0"
    number = min(int(count), _MOST_DEVICES) if count.isdigit() else 0
    return [value for i in range(number) if (value := get_key(ini, f"csurf_{i}")) is not None]


def find_device(ini: str, name: str) -> str | None:
    """The line of the OSC surface with this name."""
    return next((line for line in devices(ini) if line.startswith(f'OSC "{name}" ')), None)


def with_device(ini: str, device: OscDevice) -> str:
    """The text with our device, in the place of one with the same name or behind the others."""
    lines = devices(ini)
    same = find_device(ini, device.name)
    lines = [device.line if line == same else line for line in lines] if same else [*lines, device.line]
    return _with_devices(ini, lines)


def without_device(ini: str, name: str) -> str:
    """The text without the OSC surface of this name."""
    same = find_device(ini, name)
    return ini if same is None else _with_devices(ini, [line for line in devices(ini) if line != same])


def _with_devices(ini: str, lines: list[str]) -> str:
    values: Mapping[str, str | None] = {
        "csurf_cnt": str(len(lines)),
        **{f"csurf_{i}": line for i, line in enumerate(lines)},
        **{f"csurf_{i}": None for i in range(len(lines), len(devices(ini)))},
    }
    return set_keys(ini, values)
