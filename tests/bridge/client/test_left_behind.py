"""What crashes, power losses and other programs leave in the product's folder: commands go on, or say which file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.client import Client, ensure_daemon
from bridge.protocol import keys
from bridge.protocol.errors import DaemonNotRunning, KeyFileError, ProtocolError
from bridge.protocol.home import Connection, Endpoints, make_home, read_connection, write_connection, write_install
from bridge.protocol.lock import FileLock

DAMAGED = {
    "0 bytes": b"",
    "half": b'{"version": 1, "key"',
    "no UTF-8": b'{"key": "\xe9\xff"}',
    "NULs": b"\0" * 200,
    "another JSON": b"[1, 2]",
    "another program's": b'{"name": "x", "port": 5}',
    "another version": b'{"version": 99, "endpoints": {"commands": "a", "events": "b"}, "key": "k"}',
    "no address": b'{"version": 1, "endpoints": {"commands": "a", "events": "b"}, "key": "k"}',
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = make_home(tmp_path / "home")
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    return home


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_a_daemon_that_is_gone_left_is_no_hindrance(kind, home):
    """A file of 0 bytes after a power loss ended every command, `serve` too, which was the remedy."""
    (home / "connection.json").write_bytes(DAMAGED[kind])
    with pytest.raises(DaemonNotRunning, match="acestep-bridge serve"):
        Client.connect(home)
    done = CliRunner().invoke(app, ["jobs", "list"])
    assert done.exit_code == 3 and "acestep-bridge serve" in done.stderr


@pytest.mark.parametrize("kind", DAMAGED)
def test_beside_a_daemon_that_runs_it_is_said_what_to_do(kind, home):
    (home / "connection.json").write_bytes(DAMAGED[kind])
    with FileLock(home / "daemon.lock") as lock:
        assert lock.acquire()
        with pytest.raises(ProtocolError, match=r"connection\.json"):
            Client.connect(home)


def test_a_daemon_starts_over_damaged_files(home):
    (home / "connection.json").write_bytes(b"")
    (home / "install.json").write_bytes(b"\0")
    client, started = ensure_daemon(home)
    with client:
        assert started and client.hello().home == str(home)
        assert json.loads((home / "install.json").read_bytes())["version"] == 1
        assert json.loads((home / "connection.json").read_bytes())["version"] == 1
        client.shutdown()


def test_files_say_their_version(home):
    connection = Connection(endpoints=Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"), key="k")
    write_connection(home, connection)
    write_install(home)
    keys.write_link(home / "studio.link.json", connection)
    for name in ("connection.json", "install.json", "studio.link.json"):
        assert json.loads((home / name).read_bytes())["version"] == 1
    (home / "old.link.json").write_bytes(b'{"endpoints": {"commands": "a", "events": "b"}, "key": "k"}')
    assert read_connection(home / "old.link.json").version == 1  # as they were written before


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"too short"])
def test_a_damaged_key_is_named_and_lets_nobody_in(content, home):
    pair = keys.own_pair(home)
    keys.allow(home, "laptop", pair.public)
    (home / "curve" / "clients" / "other.public").write_bytes(content)
    assert keys.allowed(home) == {"laptop": pair.public}
    (home / "curve" / "own.secret").write_bytes(content)
    with pytest.raises(KeyFileError, match=r"own\.secret.*Remove both"):
        keys.own_pair(home)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these file systems take no such bytes")
def test_a_folder_that_no_message_could_name_is_refused(tmp_path):
    with pytest.raises(ProtocolError, match=r"ACESTEP_BRIDGE_HOME: got .*caf.*expected a folder whose name is UTF-8"):
        make_home(tmp_path / os.fsdecode(b"caf\xe9"))
    assert not list(Path(os.fsencode(tmp_path).decode()).iterdir())
