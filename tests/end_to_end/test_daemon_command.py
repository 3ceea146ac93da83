"""`daemon status` and `daemon stop` against a real daemon."""

from __future__ import annotations

from bridge.client import ensure_daemon
from bridge.protocol.lock import is_held
from tests.support.cli_material import TINY, run


def test_a_daemon_is_told_and_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path))
    none = run("daemon", "status")
    assert none.code == 1 and "acestep-bridge serve" in none.out
    assert run("daemon", "stop", "--json").document == {"stopped": False, "pid": None}
    client, _ = ensure_daemon(tmp_path, ["--model", str(TINY), "--device", "cpu"])
    with client:
        pid = client.hello().pid
    told = run("daemon", "status", "--json").document
    assert told["running"] and told["daemon"]["pid"] == pid
    assert f"Process {pid}" in run("daemon", "status").out
    assert run("daemon", "stop", "--json").document == {"stopped": True, "pid": pid}
    assert not is_held(tmp_path / "daemon.lock")
