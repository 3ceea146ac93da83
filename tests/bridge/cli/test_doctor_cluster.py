"""What doctor says of Ray's open ports."""

from __future__ import annotations

import pytest

from bridge.cli.doctor.doctor_cluster import TOKENS, Listening, cluster_checks, ray_ports

LOOPBACK = [Listening("gcs_server", "127.0.0.1", 6379), Listening("raylet", "::1", 40001)]
LOOPBACK += [Listening("raylet", "::ffff:127.0.0.1", 40002)]
OPEN = [*LOOPBACK, Listening("gcs_server", "0.0.0.0", 6380), Listening("dashboard", "::", 8265)]


def test_without_a_cluster_nothing_is_said() -> None:
    assert cluster_checks(list) == []


def test_a_cluster_on_loopback_is_well() -> None:
    (check,) = cluster_checks(lambda: LOOPBACK)
    assert check.ok and "loopback only" in check.text


@pytest.mark.parametrize(("value", "word"), [("", "off"), ("token", "on")])
def test_ports_that_others_can_reach_are_named_with_what_to_do(
    value: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKENS, value)
    (check,) = cluster_checks(lambda: OPEN)
    assert not check.ok and check.optional
    assert "6380 (gcs_server), 8265 (dashboard)" in check.text and "6379" not in check.text
    assert f"tokens are {word}" in check.text and "firewall" in check.remedy and "run code as you" in check.remedy


def test_many_ports_are_counted() -> None:
    (check,) = cluster_checks(lambda: [Listening("raylet", "10.0.0.2", 40000 + n) for n in range(20)])
    assert "and 14 more" in check.text


def test_the_real_look_at_this_machine_ends() -> None:
    assert all(port.port > 0 for port in ray_ports())
