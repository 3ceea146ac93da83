"""Install the service, take it out, say how it stands. One `Manager` a system; all commands go through `run`.

Changes nothing but its own file and what the system's service manager keeps of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.protocol.home import daemon_command, home_folder, make_home
from bridge.service.texts import Service, label, launchd_plist, name, systemd_unit, windowless, windows_task
from bridge.system.atomic import write_atomic
from bridge.system.platform import MACOS, WINDOWS, Platform, here
from engine.errors import InvalidRequest

Run = Callable[[Sequence[str]], "Ran"]
_SECONDS = 60.0


class ServiceRefused(InvalidRequest):
    """The system's service manager is not there, or does not take the service."""


@dataclass(frozen=True)
class Ran:
    """How a command ended. `code` None: there is no such program."""

    code: int | None
    text: str


@dataclass(frozen=True)
class Commands:
    """What makes a service run, what ends it, and what tells whether it does; the last word of none is shell text."""

    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    ask: tuple[str, ...]
    remedy: str


@dataclass(frozen=True)
class State:
    """`installed`: its file is there and says what this installation would write; `running`: the system runs it."""

    path: Path
    installed: bool
    current: bool
    running: bool


def run_command(words: Sequence[str]) -> Ran:
    """Run a system command."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=_SECONDS)
    except FileNotFoundError:
        return Ran(None, "")
    except subprocess.TimeoutExpired:
        return Ran(1, f"no answer in {_SECONDS:g} s")
    return Ran(done.returncode, (done.stdout + done.stderr).strip())


@dataclass(frozen=True)
class Manager:
    """The service manager of one system. `options` go to the daemon, or to the gateway where that is `what`."""

    options: tuple[str, ...] = ()
    platform: Platform = field(default_factory=here)
    home: Path = field(default_factory=home_folder)
    run: Run = run_command
    what: str = "daemon"

    @property
    def path(self) -> Path:
        """The service's file."""
        if self.platform.system == WINDOWS:
            return self.home / f"{name(self.what)}-task.xml"
        if self.platform.system == MACOS:
            return self.platform.home / "Library" / "LaunchAgents" / f"{label(self.what)}.plist"
        config = self.platform.env.get("XDG_CONFIG_HOME")
        base = Path(config) if config else self.platform.home / ".config"
        return base / "systemd" / "user" / f"{name(self.what)}.service"

    def install(self) -> Path:
        """Write the file and start the service. Raises ServiceRefused, having put the file back as it was."""
        make_home(self.home)
        before = self.path.read_bytes() if self.path.exists() else None
        if before is not None:
            self._stop()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path, self._text())
        for command in self._commands().start:
            ran = self.run(command)
            if ran.code != 0:
                self._put_back(before)
                raise self._refusal(command, ran)
        return self.path

    def uninstall(self) -> bool:
        """Stop the service and remove its file; False where it was not installed."""
        if not self.path.exists():
            return False
        self._stop()
        self.path.unlink()
        if self.platform.system not in (WINDOWS, MACOS):
            self.run(("systemctl", "--user", "daemon-reload"))
        return True

    def state(self) -> State:
        """How it stands. What the file says is compared with what this installation would write without options."""
        there = self.path.exists()
        python = self._service().command[0]
        current = there and python in self._read()
        return State(self.path, there, current, there and self.run(self._commands().ask).code == 0)

    def _stop(self) -> None:
        for command in self._commands().stop:
            self.run(command)

    def _put_back(self, before: bytes | None) -> None:
        if before is None:
            self._stop()
            self.path.unlink(missing_ok=True)
        else:
            write_atomic(self.path, before)

    def _read(self) -> str:
        data = self.path.read_bytes()
        text = data.decode("utf-16" if self.platform.system == WINDOWS else "utf-8", "replace")
        return text.replace("%%", "%").replace("$$", "$").replace("\\\\", "\\").replace("&amp;", "&")

    def _service(self) -> Service:
        python, *rest = daemon_command() if self.what == "daemon" else gateway_command()
        if self.platform.system == WINDOWS:
            python = str(windowless(Path(python)))
            rest += ["--supervise"] if self.what == "daemon" else []  # a task is not run again when its program dies
        own = ("--home", str(self.home), "--log", str(self.home / f"{self.what}.log"))
        return Service((python, *rest, *own, *self.options), str(self.home), self.what)

    def _text(self) -> bytes:
        if self.platform.system == WINDOWS:
            env = self.platform.env
            user = "\\".join(filter(None, (env.get("USERDOMAIN", ""), env.get("USERNAME", ""))))
            return windows_task(self._service(), user)
        if self.platform.system == MACOS:
            return launchd_plist(self._service())
        return systemd_unit(self._service()).encode("utf-8", "surrogateescape")

    def _commands(self) -> Commands:
        if self.platform.system == WINDOWS:
            return _windows(self.path, self.what)
        return _launchd(self.path, self.what) if self.platform.system == MACOS else _systemd(self.what)

    def _refusal(self, command: Sequence[str], ran: Ran) -> ServiceRefused:
        output = f": {ran.text[-300:]}" if ran.text else ""
        got = (
            f"no program {command[0]}" if ran.code is None else f"{' '.join(command[:3])} ended with {ran.code}{output}"
        )
        return ServiceRefused("service", got, "a service of this user", self._commands().remedy)


def gateway_command() -> list[str]:
    """The command that starts a gateway of this installation."""
    return [sys.executable, "-m", "bridge.cli", "gateway"]


def _systemd(what: str) -> Commands:
    unit, control = f"{name(what)}.service", ("systemctl", "--user")
    return Commands(
        start=((*control, "daemon-reload"), (*control, "enable", unit), (*control, "restart", unit)),
        stop=((*control, "disable", "--now", unit),),
        ask=(*control, "is-active", "--quiet", unit),
        remedy="It needs systemd and a login session. Elsewhere let your desktop start `acestep-bridge serve`.",
    )


def _launchd(path: Path, what: str) -> Commands:
    domain = f"gui/{os.getuid() if hasattr(os, 'getuid') else 0}"
    return Commands(
        start=(("launchctl", "bootstrap", domain, str(path)),),
        stop=(("launchctl", "bootout", f"{domain}/{label(what)}"),),
        ask=("launchctl", "print", f"{domain}/{label(what)}"),
        remedy="Run it in a terminal of the Mac's own desktop, not over ssh.",
    )


def _windows(path: Path, what: str) -> Commands:
    task = ("/TN", name(what))
    return Commands(
        start=(("schtasks", "/Create", *task, "/XML", str(path), "/F"), ("schtasks", "/Run", *task)),
        stop=(("schtasks", "/End", *task), ("schtasks", "/Delete", *task, "/F")),
        ask=("schtasks", "/Query", *task),
        remedy="Your user must be allowed to make tasks in the Task Scheduler.",
    )
