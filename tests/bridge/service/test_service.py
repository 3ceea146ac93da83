"""The daemon as a service on three systems: what is written, what is run, what is undone. The manager is stood in for.

On this system the unit's command is really started, so that it is known to work.
"""

from __future__ import annotations

import plistlib
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.client import Client
from bridge.gateway.gateway_settings import GatewaySettings
from bridge.gateway.serving import read_running
from bridge.protocol.errors import DaemonNotRunning
from bridge.protocol.home import daemon_command, supervised_command
from bridge.service.manage import Manager, Ran, ServiceRefused
from bridge.service.texts import Service, systemd_unit, windowless, windows_line
from bridge.system.platform import LINUX, MACOS, WINDOWS, Platform
from tests.support.patience import HANG_SECONDS

OPTIONS = ("--bind", "tcp://0.0.0.0:49400", "--warm")
ENV = {"USERDOMAIN": "STUDIO", "USERNAME": "björn & co"}


class Recorder:
    """Remembers the commands; those that begin with `failing` fail."""

    def __init__(self, failing: tuple[str, ...] = ("-",), code: int | None = 1) -> None:
        self.failing, self.code = failing, code
        self.seen: list[tuple[str, ...]] = []

    def __call__(self, words: Sequence[str]) -> Ran:
        self.seen.append(tuple(words))
        fails = tuple(words)[: len(self.failing)] == self.failing
        return Ran(self.code if fails else 0, "denied" if fails else "")


def manager(tmp_path: Path, system: str, run: Recorder, options: tuple[str, ...] = OPTIONS) -> Manager:
    user = tmp_path / "björn 音 100%"
    user.mkdir(exist_ok=True)
    return Manager(options, Platform(system, user, ENV), user / ".acestep-bridge", run)


def words_of(unit: str) -> list[str]:
    """ExecStart's words as systemd reads them."""
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    words = [word.replace('\\"', '"').replace("\\\\", "\\") for word in line[1:-1].split('" "')]
    return [word.replace("%%", "%").replace("$$", "$") for word in words]


def command_in(made: Manager) -> list[str]:
    """The command that the written file starts."""
    data = made.path.read_bytes()
    if made.platform.system == MACOS:
        return list(plistlib.loads(data)["ProgramArguments"])
    if made.platform.system == LINUX:
        return words_of(data.decode())
    root = ElementTree.fromstring(data.decode("utf-16").partition("?>")[2])
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    program, line = (root.find(f".//{space}{name}") for name in ("Command", "Arguments"))
    assert program is not None and line is not None
    assert [e.text for e in root.iter(f"{space}UserId")] == ["STUDIO\\björn & co"] * 2
    own = ["--home", str(made.home), "--log", str(made.home / "daemon.log")]
    expected = windows_line([*supervised_command()[1:], *own])
    assert line.text == f"{expected} {windows_line(OPTIONS)}"
    return [str(program.text), *daemon_command()[1:]]


@pytest.mark.parametrize("system", [LINUX, MACOS, WINDOWS])
def test_install_status_uninstall(tmp_path: Path, system: str) -> None:
    run = Recorder()
    made = manager(tmp_path, system, run)
    assert not made.state().installed and not made.uninstall()
    assert run.seen == []
    path = made.install()
    assert command_in(made)[: len(daemon_command())] == daemon_command()
    started = [" ".join(words) for words in run.seen]
    verb = {LINUX: "--user restart", MACOS: "launchctl bootstrap gui/", WINDOWS: "schtasks /Run"}[system]
    assert verb in started[-1]
    state = made.state()
    assert (state.installed, state.current, state.running) == (True, True, True)
    assert made.uninstall()
    assert not path.exists() and not made.state().installed


@pytest.mark.parametrize("system", [LINUX, MACOS, WINDOWS])
def test_a_refusal_leaves_nothing_or_what_was_there(tmp_path: Path, system: str) -> None:
    first = {LINUX: ("systemctl", "--user", "restart"), MACOS: ("launchctl", "bootstrap")}.get(
        system, ("schtasks", "/Run")
    )
    made = manager(tmp_path, system, Recorder(first))
    with pytest.raises(ServiceRefused, match="denied"):
        made.install()
    assert not made.path.exists()
    manager(tmp_path, system, Recorder()).install()
    before = made.path.read_bytes()
    with pytest.raises(ServiceRefused):
        manager(tmp_path, system, Recorder(first), ("--device", "cpu")).install()
    assert made.path.read_bytes() == before


def test_a_system_without_the_manager_is_told_what_else_to_do(tmp_path: Path) -> None:
    made = manager(tmp_path, LINUX, Recorder(("systemctl",), code=None))
    with pytest.raises(ServiceRefused, match=r"no program systemctl.*acestep-bridge serve"):
        made.install()


def test_another_installation_is_noticed(tmp_path: Path) -> None:
    made = manager(tmp_path, LINUX, Recorder())
    made.install()
    text = made.path.read_text(encoding="utf-8").replace(daemon_command()[0].replace("%", "%%"), "/old/python")
    made.path.write_text(text, encoding="utf-8")
    assert not made.state().current


def test_words_survive_systemd() -> None:
    words = ("/a b/python", 'say "%h" $HOME \\ ü', "--x")
    assert words_of(systemd_unit(Service(words, "/x"))) == list(words)
    assert windowless(Path("/x/Scripts/python.exe")) == Path("/x/Scripts/pythonw.exe")


def test_the_command_of_the_unit_is_a_daemon_that_logs_into_its_file(tmp_path: Path) -> None:
    made = manager(tmp_path, LINUX, Recorder(), ("--model", "nano"))
    made.install()
    daemon = subprocess.Popen(command_in(made), cwd=made.home)
    try:
        limit = time.monotonic() + HANG_SECONDS
        while True:
            try:
                Client.connect(made.home).close()
                break
            except DaemonNotRunning:
                assert daemon.poll() is None and time.monotonic() < limit
                time.sleep(0.05)
    finally:
        daemon.terminate()
        assert daemon.wait(HANG_SECONDS) == 0
    log = (made.home / "daemon.log").read_text(encoding="utf-8")
    assert "ready at" in log and "stopped" in log


@pytest.mark.parametrize("system", [LINUX, MACOS, WINDOWS])
def test_the_gateway_is_a_service_beside_the_daemon(tmp_path: Path, system: str) -> None:
    run = Recorder()
    daemon = manager(tmp_path, system, run)
    gateway = replace(daemon, options=(), what="gateway")
    paths = {daemon.install(), gateway.install()}
    assert len(paths) == 2 and gateway.state().current and gateway.state().running
    assert gateway.uninstall() and daemon.state().installed


def test_the_command_of_the_gateways_unit_is_a_gateway_without_its_key_in_the_log(tmp_path: Path) -> None:
    made = replace(manager(tmp_path, LINUX, Recorder(), ()), what="gateway", options=("--port", "0"))
    made.install()
    gateway = subprocess.Popen(command_in(made), cwd=made.home)
    settings = GatewaySettings(home=made.home)
    try:
        limit = time.monotonic() + HANG_SECONDS
        while (running := read_running(settings)) is None:
            assert gateway.poll() is None and time.monotonic() < limit
            time.sleep(0.05)
    finally:
        gateway.terminate()
        gateway.wait(HANG_SECONDS)
        with Client.connect(made.home) as client:
            client.shutdown()
    log = (made.home / "gateway.log").read_text(encoding="utf-8")
    assert running.url in log and running.key not in log
