"""What lies beside the stage's faults: both kinds of IP, time tags, odd types, many surfaces, two controllers."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest

from bridge.osc.feedback import feedback_targets
from bridge.osc.transport.packets import decode, encode
from tests.support.osc import MemoryDaemon, Surface, play, running, until

NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


def bundle(seconds_from_now: float | None, *packets: bytes) -> bytes:
    """With a time tag; None: immediately."""
    tag = 1 if seconds_from_now is None else int((time.time() + NTP_EPOCH + seconds_from_now) * 2**32)
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(p)) + p for p in packets)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_surfaces_of_both_kinds_of_ip_play_one_controller(tmp_path):
    """Each is heard, told what the other does, and answered where it speaks from."""

    async def main() -> None:
        async with running(MemoryDaemon(tmp_path), tmp_path, host="::") as controller:
            old = Surface(controller.port)
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as new:
                new.bind(("::1", 0))
                new.setblocking(False)
                new.sendto(encode("/acestep/register", 0), ("::1", controller.port))
                old.send("/acestep/register", old.port)
                await old.wait("/acestep/ack", "/acestep/register")
                new.sendto(encode("/acestep/seed", 7), ("::1", controller.port))
                await old.wait("/acestep/seed", 7)
                old.send("/acestep/variance", 0.25)
                heard: list[tuple[str, tuple]] = []

                def told() -> bool:
                    try:
                        while True:
                            heard.extend((m.path, m.arguments) for m in decode(new.recv(65_535)))
                    except BlockingIOError:
                        return ("/acestep/variance", (0.25,)) in heard

                await until(told)

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize("seconds", [None, 3600.0, -3600.0, 0.2])
def test_a_bundle_is_done_at_once_whatever_its_time_tag(tmp_path, seconds):
    """A tablet's clock may be hours off: what it sends would never be done, or late by that."""

    async def scenario(controller, surface, daemon):
        surface.raw(bundle(seconds, encode("/acestep/seed", 3), encode("/acestep/take/next", 9)))
        await surface.wait("/acestep/ack", "/acestep/take/next", 9)
        assert controller.controls.values == {"seed": 3}

    play(scenario, tmp_path)


@pytest.mark.parametrize(
    ("tags", "data", "said"),
    [
        (b",b\0\0", b"\0\0\0\2ab\0\0", "a number"),  # a blob where a number is expected
        (b",x\0\0", b"\0\0\0\1", "not known here"),
        (b",[f]\0\0\0\0", struct.pack(">f", 0.5), "a number"),
        (b",t\0\0", struct.pack(">Q", 1), "a number"),
        (b",ff\0", struct.pack(">ff", 0.5, 0.5), "a number"),
        (b",N\0\0", b"", "a number"),
    ],
)
def test_types_that_an_address_does_not_take_are_answered(tmp_path, tags, data, said):
    async def scenario(controller, surface, daemon):
        surface.raw(b"/acestep/variance\0\0\0" + tags + data)
        _, got, expected = await surface.wait("/acestep/error")
        assert said in f"{got} {expected}"
        surface.raw(b"/acestep/variance\0\0\0,d\0\0" + struct.pack(">d", 0.25))  # a double is a number
        await until(lambda: controller.controls.values == {"variance": 0.25})

    play(scenario, tmp_path)


def test_more_surfaces_than_can_be_told_leave_the_ones_heard_last(tmp_path, monkeypatch):
    monkeypatch.setattr(feedback_targets, "MAX_TARGETS", 8)

    async def scenario(controller, surface, daemon):
        many = [Surface(controller.port) for _ in range(24)]
        for number, each in enumerate(many):
            each.send("/acestep/register", each.port)
            each.send("/acestep/take/next", 100 + number)
            await each.wait("/acestep/ack", "/acestep/take/next")
        daemon.change({"seed": 7})
        for each in many[-8:]:
            await each.wait("/acestep/seed", 7)
        many[0].poll()
        assert ("/acestep/seed", (7,)) not in many[0].heard
        many[0].send("/acestep/get", "seed")  # it is answered, and told again from now on
        await many[0].wait("/acestep/seed", 7)
        assert len(controller._targets) <= 9

    play(scenario, tmp_path)


def test_two_controllers_at_once_leave_each_others_jobs(tmp_path):
    """They share the daemon and its controls; jobs and takes are each one's own."""

    async def main() -> None:
        daemon = MemoryDaemon(tmp_path)
        async with running(daemon, tmp_path) as first, running(daemon, tmp_path / "other", port=_free()) as second:
            one, two = Surface(first.port), Surface(second.port)
            one.send("/acestep/tags", "house")
            one.send("/acestep/text_to_audio")
            await until(lambda: len(daemon.jobs) == 1)
            await until(lambda: second.controls.values.get("tags") == "house" or _changed(daemon))
            two.send("/acestep/cancel/all", 5)
            await two.wait("/acestep/ack", "/acestep/cancel/all", 5)
            await until(second._worker._waiting.empty)
            await asyncio.sleep(0.02)
            assert daemon.jobs["job1"].state == "queued"  # not the second one's
            one.send("/acestep/cancel/all", 6)
            await until(lambda: daemon.jobs["job1"].state == "cancelled")

    asyncio.run(asyncio.wait_for(main(), 60))


def _changed(daemon) -> bool:
    """The daemon in memory has one queue of changes: whoever looks first gets it. Say it again."""
    daemon.change({})
    return False


def _free() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
