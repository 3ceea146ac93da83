"""REAPER's resource folders as documented for versions 6 and 7 on the three systems, made in a temporary folder."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

from bridge.reaper.resources import default_resource_path
from bridge.system.platform import LINUX, MACOS, WINDOWS, Platform, RegisteredPython

LAYOUTS = [(system, version) for system in (WINDOWS, MACOS, LINUX) for version in (6, 7)]

_INI = {
    6: "[Recent]\nrecent01=C:\\songs\\b\udce9at.rpp\n\n[reaper]\nlastprojuiref=1\nreascript=0\nautosaveint=15\n\n"
    "[verchk]\nlastt=1\n",
    7: "[REAPER]\nautosaveint=15\ncsurf_cnt=1\ncsurf_0=MCU 0 0 -1 -1\n[audioconfig]\nmode=4\n[nag]\nnagcnt=1\n",
}
_KB = {
    6: 'KEY 1 82 1013 0\nSCR 4 0 RS7d3c "Custom: other.lua" other.lua\n',
    7: 'KEY 1 82 1013 0\t\t # Main : R : OVERRIDE\nACT 1 0 "abc" "Custom: x" 40001',  # no newline at its end
}


def macho(*cpus: int) -> bytes:
    """The head of a universal Mach-O file."""
    entries = b"".join(struct.pack(">5I", cpu, 0, 4096, 4096, 12) for cpu in cpus)
    return b"\xca\xfe\xba\xbe" + struct.pack(">I", len(cpus)) + entries


def make_platform(tmp_path: Path, system: str) -> Platform:
    """A machine of this system, with a Python that REAPER can load and no REAPER running."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    env = {"APPDATA": str(home / "AppData" / "Roaming")} if system == WINDOWS else {}
    platform = Platform(system, home, env, "arm64" if system == MACOS else "x86_64", tmp_path, processes=list)
    return add_python(platform, tmp_path)


def add_python(platform: Platform, tmp_path: Path) -> Platform:
    if platform.system == WINDOWS:
        folder = platform.home / "AppData" / "Local" / "Programs" / "Python" / "Python312"
        touch(folder / "python312.dll")
        return replace(platform, registry=lambda: [RegisteredPython("HKCU", "3.12", str(folder))])
    if platform.system == MACOS:
        lib = tmp_path / "Library" / "Frameworks" / "Python.framework" / "Versions" / "3.12" / "lib"
        touch(lib / "libpython3.12.dylib", macho(0x01000007, 0x0100000C))
    else:
        touch(tmp_path / "usr" / "lib" / "x86_64-linux-gnu" / "libpython3.12.so.1.0")
    return platform


def make_reaper(platform: Platform, version: int) -> Path:
    """The resource folder after REAPER's first start."""
    folder = default_resource_path(platform)
    (folder / "Scripts").mkdir(parents=True)
    newline = "\r\n" if platform.system == WINDOWS else "\n"
    for name, text in (("reaper.ini", _INI[version]), ("reaper-kb.ini", _KB[version])):
        (folder / name).write_bytes(text.replace("\n", newline).encode("utf-8", "surrogateescape"))
    touch(folder / "Scripts" / "mine.lua", b"-- mine\n")
    return folder


def touch(path: Path, data: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
