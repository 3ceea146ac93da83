"""What each system's service manager wants to read, made from one `Service`. Knows no files and runs nothing.

Sources: systemd.service(5) and systemd.syntax(7); launchd.plist(5); Microsoft's Task Scheduler schema 1.2.
"""

from __future__ import annotations

import plistlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from xml.sax.saxutils import escape

NAME = "acestep-bridge"


def name(what: str) -> str:
    """What systemd and the Task Scheduler call a service: that of the daemon has the program's own name."""
    return NAME if what == "daemon" else f"{NAME}-{what}"


def label(what: str) -> str:
    """What launchd calls it."""
    return f"org.acestep-bridge.{what}"


@dataclass(frozen=True)
class Service:
    """A command to start at login, and again when it fails. `folder` is where it works, `what` it is in a word."""

    command: tuple[str, ...]
    folder: str
    what: str = "daemon"


def systemd_unit(service: Service) -> str:
    """A user unit."""
    return (
        "[Unit]\n"
        f"Description=acestep-bridge {service.what}\n\n"
        "[Service]\n"
        f"ExecStart={' '.join(systemd_word(word) for word in service.command)}\n"
        f"WorkingDirectory={service.folder.replace('%', '%%')}\n"
        "Restart=on-failure\n"
        "RestartSec=5\n\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def systemd_word(word: str) -> str:
    """One argument of ExecStart: in quotes, with what systemd would replace doubled."""
    marked = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{marked}"'


def launchd_plist(service: Service) -> bytes:
    """A launch agent."""
    return plistlib.dumps(
        {
            "Label": label(service.what),
            "ProgramArguments": list(service.command),
            "WorkingDirectory": service.folder,
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
        }
    )


def windows_task(service: Service, user: str) -> bytes:
    """A task that starts when `user` logs on, hidden, without a time limit. UTF-16, as schtasks reads it."""
    program, *arguments = service.command
    text = f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>acestep-bridge {service.what}</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled><UserId>{escape(user)}</UserId></LogonTrigger></Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{escape(user)}</UserId><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <Hidden>true</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>6</Priority>
    <RestartOnFailure><Interval>PT1M</Interval><Count>10</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(windows_line(arguments))}</Arguments>
      <WorkingDirectory>{escape(service.folder)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""
    return text.replace("\n", "\r\n").encode("utf-16")


def windows_line(words: Sequence[str]) -> str:
    """Arguments as one Windows command line."""
    return subprocess.list2cmdline(words)


def windowless(python: PurePath) -> PurePath:
    """The Python beside this one that opens no console window."""
    return python.with_name("pythonw.exe") if python.name.lower() == "python.exe" else python
