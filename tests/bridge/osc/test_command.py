"""The `osc` command's options and what it tells people to type."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.commands.osc_command import what_to_type
from bridge.osc.settings import DEFAULT_PORT, DEFAULT_REAPER_PORT, OscSettings, copy_into
from bridge.system import own_addresses
from bridge.system.own_addresses import addresses_in_network


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--allow", "tablet"], "--allow: got 'tablet'"),
        (["--surface", "192.168.1.20"], "expected HOST:PORT"),
        (["--reaper", "127.0.0.1:0"], "expected HOST:PORT"),
        (["--surface", "127.0.0.1:99999"], "expected HOST:PORT"),
    ],
)
def test_options_that_cannot_be(words, said, tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(app, ["osc", *words])
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--surface", "::1:9000"], "in brackets, such as [fd00::20]:9726"),
        (["--surface", "[::1]:9000"], "--surface [::1]:9000 is IPv6, but --listen 127.0.0.1 is IPv4. Say --listen ::"),
        (["--reaper", "127.0.0.1:9726", "--listen", "::1"], "--reaper 127.0.0.1:9726 is IPv4, but --listen ::1"),
    ],
)
def test_addresses_of_ipv6(words, said, tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(app, ["osc", *words])
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


def test_a_tablet_is_not_told_the_loopback_address(tmp_path, monkeypatch):
    """Debian and Ubuntu let the host's own name stand for 127.0.1.1."""
    loop = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.1.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: loop)
    assert not any(address.startswith("127.") for address in addresses_in_network())
    monkeypatch.setattr(own_addresses, "_way_out", lambda family: "192.168.1.5")
    assert addresses_in_network() == ["192.168.1.5"]
    monkeypatch.setattr(own_addresses, "_way_out", lambda family: "")
    assert addresses_in_network() == []
    text = "\n".join(what_to_type(OscSettings(tmp_path, host="0.0.0.0"), 9725, []))
    assert "127.0.0.1" not in text and "in no network" in text


def test_an_address_of_ipv6_is_in_brackets_before_a_port(tmp_path):
    text = "\n".join(what_to_type(OscSettings(tmp_path, host="::1"), 9725, ["::1"]))
    assert "http://[::1]:9725" in text and "send [::1]:9725" in text and "host ::1, send port" in text


def test_ports_avoid_what_others_use():
    assert not {DEFAULT_PORT, DEFAULT_REAPER_PORT} & {8000, 9000}


def test_what_to_type_names_address_ports_and_who_is_heard(tmp_path):
    settings = OscSettings(tmp_path, host="0.0.0.0", allowed=frozenset({"192.168.1.20"}), reaper=("127.0.0.1", 9726))
    text = "\n".join(what_to_type(settings, 9725, ["192.168.1.5"]))
    for part in ("host 192.168.1.5, send port 9725", "192.168.1.20", "9726", "--root", "9727"):
        assert part in text
    nobody = "\n".join(what_to_type(OscSettings(tmp_path, host="0.0.0.0"), 9725, ["192.168.1.5"]))
    assert "--allow IP" in nobody
    alone = "\n".join(what_to_type(OscSettings(tmp_path, roots=(tmp_path,)), 9725, ["127.0.0.1"]))
    assert "--allow" not in alone
    assert str(tmp_path) in alone


def test_copies_never_replace_a_file(tmp_path):
    source = tmp_path / "made.wav"
    source.write_bytes(b"new")
    out = tmp_path / "out"
    names = [copy_into(out, source, "song inpaint").name for _ in range(3)]
    assert names == ["song inpaint.wav", "song inpaint 2.wav", "song inpaint 3.wav"]
    assert Path(source).exists()
