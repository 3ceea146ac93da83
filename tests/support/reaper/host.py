"""Builds and drives the C host that runs ReaScripts against a fake REAPER.

The host (`host.c`) is another process; each API call of a script comes over a socket pair
and is answered by the fake in this process, so tests look at the fake's project directly.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.patience import HANG_SECONDS
from tests.support.reaper.contract import TEXT_BYTES, functions, host_table, shim_source

HERE = Path(__file__).parent
CALL_SECONDS = 50e-6  # a text that comes back takes a buffer of 4 MB: measured 47 us, on a busy machine 500 us


class HostError(Exception):
    """The host ended, or a script in it failed."""


def why_no_host(python: str = "") -> str:
    """Reason why the C host cannot be built here (for the interpreter `python`), or an empty string."""
    if os.name != "posix":
        return "the C host talks over a socket pair: POSIX only"
    if not (shutil.which("cc") or shutil.which("gcc")):
        return "no C compiler"
    if not (Path(configuration(python)["include"]) / "Python.h").exists():
        return "no Python headers"
    return ""


_ASK = """
import json, sys, sysconfig
found = {k: v for k, v in sysconfig.get_config_vars().items() if isinstance(v, (str, int))}
print(json.dumps(dict(found, include=sysconfig.get_path("include"), version=sys.version)))
"""


@functools.cache
def configuration(python: str = "") -> dict[str, Any]:
    """How an interpreter (a path; empty: this one) was built: sysconfig's variables, `include` and `version`."""
    command = [python or sys.executable, "-I", "-c", _ASK]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def find_python(version: str) -> str:
    """The path of an interpreter of that version ("3.8") on this machine, or an empty text."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [shutil.which(f"python{version}") or "", *(str(p / "bin" / "python3") for p in root.glob(f"{version}.*"))]
    for path in filter(None, named):
        try:
            if configuration(path)["py_version_short"] == version:
                return path
        except (OSError, subprocess.CalledProcessError):
            continue
    return ""


def genuine_module() -> str:
    """Text of REAPER's own `reaper_python.py` that ACESTEP_REAPER_PYTHON names, or an empty text."""
    path = os.environ.get("ACESTEP_REAPER_PYTHON")
    return Path(path).read_text(encoding="utf-8") if path else ""


def _link_flags(python: str) -> list[str]:
    variable = configuration(python).get
    folder, library = variable("LIBDIR"), variable("LDLIBRARY")
    if variable("Py_ENABLE_SHARED"):
        name = library.split(".so")[0].split(".dylib")[0].removeprefix("lib")
        flags = [f"-L{folder}", f"-l{name}", f"-Wl,-rpath,{folder}"]
    else:
        flags = [str(Path(variable("LIBPL")) / variable("LIBRARY")), *(variable("LINKFORSHARED") or "").split()]
    return [*flags, *(variable("LIBS") or "").split(), *(variable("SYSLIBS") or "").split()]


def build(names: list[str], python: str = "") -> tuple[Path, Path]:
    """The host's executable and the folder of its `reaper_python.py`; compiled once a content."""
    return _build(tuple(names), python, genuine_module())


@functools.cache
def _build(names: tuple[str, ...], python: str, genuine: str) -> tuple[Path, Path]:
    table, shim = host_table(list(names)), genuine or shim_source()
    source = (HERE / "host.c").read_text(encoding="utf-8")
    content = table + shim + source + configuration(python)["version"] + "bytecode"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"acestep-reaper-host-{os.getuid()}-{digest}"
    if not (folder / "host").exists():
        fresh = Path(tempfile.mkdtemp(prefix="acestep-reaper-host-"))
        (fresh / "table.inc").write_text(table, encoding="utf-8")
        (fresh / "plugins").mkdir()
        module = fresh / "plugins" / "reaper_python.py"
        module.write_text(shim, encoding="utf-8")
        subprocess.run([python or sys.executable, "-m", "py_compile", str(module)], check=True)  # not at each run
        compiler = shutil.which("cc") or "gcc"
        include = configuration(python)["include"]
        room = [] if genuine else [f"-DNEED_BIG={TEXT_BYTES}"]
        command = [compiler, "-O0", "-Wno-unused", *room, f"-I{include}", f"-I{fresh}", str(HERE / "host.c")]
        subprocess.run([*command, "-o", str(fresh / "host"), *_link_flags(python)], check=True, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(fresh, folder)
    return folder / "host", folder / "plugins"


class Host:
    """One running host: `run` a script, `tick` its deferred code, `close` as REAPER's exit does.

    mode: "sub" (a sub-interpreter a run) or "reinit" (Python initialised again a run).
    """

    def __init__(self, fake, mode: str = "sub", environment: dict[str, str] | None = None, python: str = "") -> None:
        self.fake = fake
        self.mode = mode
        self.names = sorted(fake.handlers())
        self.functions = [functions()[n] for n in self.names]
        self.running: list[str] = []
        self.errors: list[str] = []
        self.calls = 0
        self.bytes = 0
        self.cost_seconds = 0.0  # of all calls, by CALL_SECONDS: what REAPER's window stood still
        executable, plugins = build(self.names, python)
        ours, theirs = socket.socketpair()
        self._socket = ours
        env = {**os.environ, "LC_ALL": "C", **(environment or {})}
        for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONUTF8"):
            env.pop(name, None)
        command = [str(executable), str(theirs.fileno()), mode, str(plugins)]
        self.process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()])
        theirs.close()
        fake.host = self

    def run(self, path: str | Path) -> None:
        """Runs a script as REAPER's action list does, and then what it asked REAPER to start."""
        self.fake.before_script(str(path), self.running)
        points = self.fake.undo_points()
        self._command(b"R", os.fsencode(path))
        if str(path) not in self.running and self.fake.undo_points() == points:
            self.fake.automatic_undo_point()
        if self.mode == "reinit" and self.fake.queued_scripts:  # one interpreter at a time: the first one ends
            self._command(b"T", b"")
        self._run_queued()

    def _run_queued(self) -> None:
        while self.fake.queued_scripts:
            self.run(self.fake.queued_scripts.pop(0))

    def tick(self, count: int = 1, seconds: float = 0.0) -> None:
        """Runs deferred code `count` times."""
        for _ in range(count):
            self._command(b"T", b"")
            self._run_queued()
            if seconds:
                time.sleep(seconds)

    def tick_until(self, condition, seconds: float = HANG_SECONDS) -> None:
        """Ticks, faster than REAPER does, until `condition()` holds; HostError after `seconds`."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                said = (self.fake.help_text, self.fake.tooltips)
                raise HostError(f"not reached in {seconds} s; errors: {self.errors}; said: {said}")
            self.tick(1, 0.01)

    def close(self) -> None:
        """Ends every script (running its atexit code) and the process."""
        if self.process.poll() is None:
            self._command(b"Q", b"")
            self.process.wait(HANG_SECONDS)
        self._socket.close()
        if self.process.returncode != 0:
            raise HostError(f"host ended with {self.process.returncode}")

    def end(self) -> None:
        """Closes what is open, whatever state the host is in."""
        if self.process.poll() is None:
            try:
                self.close()
            except (HostError, OSError):
                self.process.kill()
                self.process.wait(HANG_SECONDS)
        self._socket.close()

    # frames
    def _send(self, kind: bytes, payload: bytes) -> None:
        self._socket.sendall(struct.pack("<I", len(payload)) + kind + payload)

    def _read(self, count: int) -> bytes:
        parts = []
        while count:
            part = self._socket.recv(count)
            if not part:
                raise HostError(f"the host ended (code {self.process.wait(HANG_SECONDS)})")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._read(5)
        return head[4:], self._read(struct.unpack("<I", head[:4])[0])

    def _command(self, kind: bytes, payload: bytes) -> None:
        self._send(kind, payload)
        while True:
            got, data = self._receive()
            if got == b"D":
                self.running = _texts(data)
                self.fake.after_script()
                return
            if not self._serve(got, data):
                raise HostError(f"unexpected frame {got!r}")

    def _serve(self, kind: bytes, data: bytes) -> bool:
        if kind == b"C":
            self._answer(data)
        elif kind == b"E":
            self.errors.append(_texts(data[4:])[0])
        else:
            return False
        return True

    def run_nested(self, path: str) -> None:
        """Runs a script inside the call that the fake is answering just now (Main_OnCommand)."""
        self.fake.before_script(path, self.running)
        self._send(b"N", os.fsencode(path))
        while True:
            kind, data = self._receive()
            if kind == b"n":
                return
            if not self._serve(kind, data):
                raise HostError(f"unexpected frame {kind!r}")

    def _answer(self, data: bytes) -> None:
        function = self.functions[struct.unpack_from("<H", data)[0]]
        self.calls += 1
        self.cost_seconds += CALL_SECONDS
        self.bytes += len(data)
        arguments = _unpack(function, data)
        result, outputs = self.fake.call(function, arguments)
        self._send(b"V", _pack(function, arguments, result, outputs))


def _texts(data: bytes) -> list[str]:
    found, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<i", data, at)
        found.append(data[at + 4 : at + 4 + size].decode("utf-8", "replace"))
        at += 4 + size
    return found


def _unpack(function, data: bytes) -> list:
    values, at = [], 2
    for letter in function.letters:
        if letter in "sSZ":
            (size,) = struct.unpack_from("<i", data, at)
            values.append(data[at + 4 : at + 4 + max(size, 0)].decode("utf-8", "surrogateescape"))
            at += 4 + max(size, 0)
            continue
        form = {"d": "<d", "D": "<d", "u": "<Q", "P": "<Q"}.get(letter, "<q")
        values.append(struct.unpack_from(form, data, at)[0])
        at += 8
    return values


def _text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogateescape")  # REAPER hands on the bytes of names as they are
    return struct.pack("<i", len(raw)) + raw


def _pack(function, arguments: list, result, outputs: list) -> bytes:
    form = {"d": "<d", "P": "<Q", "u": "<Q"}.get(function.ret, "<q")
    parts = [_text(result) if function.ret == "s" else struct.pack(form, result or 0)]
    given = iter(outputs)
    for letter, argument in zip(function.letters, arguments, strict=True):
        if letter not in "SZIBDAN":
            continue
        value = next(given, argument)
        if letter in "SZN":
            parts.append(_text(value or ""))
        elif letter == "A":
            parts.append(struct.pack("<I", len(value)) + struct.pack(f"<{len(value)}d", *value))
        else:
            parts.append(struct.pack("<d" if letter == "D" else "<q", value))
    return b"".join(parts)
