"""Typed contents, the connection file, keys and the lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol import keys, lock
from bridge.protocol.errors import DaemonNotRunning, KeyFileError, ProtocolError
from bridge.protocol.frames import new_header, pack, unpack
from bridge.protocol.home import Connection, Endpoints, make_home, read_connection, write_connection
from bridge.protocol.messages import OPERATIONS, WaitRequest, read_request
from tests.support.paths import DOCS

KEY = "k" * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=8).filter(lambda k: k != "buffers"), JSON, max_size=4),
    st.lists(st.binary(), max_size=3),
)
def test_pack_and_unpack_are_inverse(content: dict[str, object], buffers: list[bytes]) -> None:
    message = unpack(KEY, pack(KEY, new_header("x"), content, buffers))
    assert (message.content, message.buffers) == (content, buffers)


def test_every_operation_of_the_document_is_one_of_the_code() -> None:
    text = (DOCS / "protocol.md").read_text("utf-8")
    table = text.split("## Operations")[1].split("### Job")[0]
    named = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert named == set(OPERATIONS)


def test_a_wrong_type_names_its_place() -> None:
    with pytest.raises(ProtocolError, match="Expected `float`") as caught:
        read_request("wait", {"job_id": "j", "timeout_seconds": "soon"})
    assert caught.value.field == "$.timeout_seconds"


def test_unknown_fields_are_ignored_and_unknown_operations_are_not() -> None:
    assert read_request("wait", {"job_id": "j", "new": 1}) == WaitRequest(job_id="j")
    with pytest.raises(ProtocolError) as caught:
        read_request("dance", {})
    assert caught.value.code == "unknown_op"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_connection_file_is_private(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    connection = Connection(endpoints=Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"), key=KEY, pid=1, started=2.0)
    write_connection(home, connection)
    assert read_connection(home / "connection.json") == connection
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "connection.json").stat().st_mode) == 0o600
    assert [p.name for p in home.iterdir()] == ["connection.json"]


def test_no_connection_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DaemonNotRunning, match="acestep-bridge serve"):
        read_connection(tmp_path / "connection.json")


def test_damaged_connection_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "connection.json").write_text('{"version": 1, "key"')
    with pytest.raises(ProtocolError, match="start it again"):
        read_connection(tmp_path / "connection.json")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_keys_are_private_allowed_and_revoked(tmp_path: Path) -> None:
    server, client = keys.server_pair(tmp_path), keys.own_pair(tmp_path)
    assert stat.S_IMODE((tmp_path / "curve" / "server.secret").stat().st_mode) == 0o600
    assert server.secret not in repr(server) and keys.server_pair(tmp_path) == server
    keys.allow(tmp_path, "laptop", client.public)
    link = keys.link(tmp_path, "laptop", Endpoints("tcp://a:1", "tcp://a:2"))
    assert link.key == keys.wire_key(server.secret, client.public) and link.server_public == server.public
    keys.revoke(tmp_path, "laptop")
    assert keys.allowed(tmp_path) == {}
    with pytest.raises(KeyFileError):
        keys.revoke(tmp_path, "laptop")


@pytest.mark.parametrize(("name", "public"), [("../x", "a" * 40), ("ok", "short"), ("ok", "\x7f" * 40), ("", "a" * 40)])
def test_wrong_names_and_keys_are_refused(tmp_path: Path, name: str, public: str) -> None:
    with pytest.raises(KeyFileError):
        keys.allow(tmp_path, name, public)


def test_a_lock_is_held_by_one_process_and_freed_by_its_death(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "from bridge.protocol.lock import FileLock; from pathlib import Path; import sys, time\n"
        "lock = FileLock(Path(sys.argv[1])); print(lock.acquire(), flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=os.environ)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline().strip() == b"True"
        assert lock.is_held(path) and not lock.FileLock(path).acquire()
        process.kill()
        process.wait()
    with lock.FileLock(path) as mine:
        assert mine.acquire()
