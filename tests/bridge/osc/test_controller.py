"""The controller over real UDP sockets; the daemon behind it is in memory (the real one: tests/end_to_end)."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from pathlib import Path

import pytest

from bridge.osc.transport.packets import encode
from bridge.protocol.errors import ErrorContent
from tests.support.osc import Surface, play, until


def bundle(*packets: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(p)) + p for p in packets)


def test_a_control_goes_to_the_daemon_and_to_other_surfaces_but_not_back(tmp_path):
    async def scenario(controller, fader, daemon):
        phone = Surface(controller.port)
        phone.send("/acestep/get", "variance")
        assert await phone.wait("/acestep/variance") == (0.5,)
        fader.heard.clear()
        fader.send("/acestep/variance", 0.123456789)
        assert await phone.wait("/acestep/variance") == (pytest.approx(0.123457, abs=1e-7),)
        await until(lambda: daemon.values.get("variance") == 0.123457)
        await fader.silence("/acestep/variance", 0.15)
        await fader.wait("/acestep/variance")  # at rest, the fader learns the value, too

    play(scenario, tmp_path)


def test_what_another_client_sets_reaches_surfaces(tmp_path):
    async def scenario(controller, surface, daemon):
        daemon.change({"tags": "house, 124 bpm", "unknown": 1, "scheduler": "not one"})
        assert await surface.wait("/acestep/tags") == ("house, 124 bpm",)
        assert "unknown" not in controller.controls.values
        assert "scheduler" not in controller.controls.values

    play(scenario, tmp_path)


def test_an_older_answer_does_not_undo_a_fader(tmp_path):
    async def scenario(controller, surface, daemon):
        daemon.set_delay_seconds = 0.1
        surface.send("/acestep/variance", 0.75)
        await asyncio.sleep(0.04)
        daemon.change({"variance": 0.1, "seed": 5})
        assert await surface.wait("/acestep/seed", 5)
        await until(lambda: daemon.values["variance"] == 0.75)
        assert controller.controls.values["variance"] == 0.75

    play(scenario, tmp_path)


def test_wrong_messages_are_answered_with_address_got_and_expected(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/variance", 3.0)
        address, got, expected = await surface.wait("/acestep/error")
        assert (address, got) == ("/acestep/variance", "3.0")
        assert "from 0 to 1" in expected
        surface.send("/acestep/varianze", 0.5)
        assert "/acestep/variance" in (await surface.wait("/acestep/error", "/acestep/varianze"))[2]
        surface.send("/acestep/status", "x")
        assert "sent by us" in (await surface.wait("/acestep/error", "/acestep/status"))[2]
        surface.raw(b"nonsense")
        assert "OSC" in (await surface.wait("/acestep/error", ""))[2]
        surface.heard.clear()
        surface.raw(encode("/acestep/variance", 0.3)[:-2])
        assert "cut" in (await surface.wait("/acestep/error", ""))[1]
        assert "variance" not in controller.controls.values
        surface.send("/acestep/inpaint")
        assert (await surface.wait("/acestep/error", "/acestep/inpaint"))[1] == "no source"
        assert not daemon.requests

    play(scenario, tmp_path)


def test_a_pattern_does_not_cross_slashes_or_set_every_control(tmp_path):
    """python-osc's dispatcher takes * for any text, slashes too; addresses are taken as they stand here."""

    async def scenario(controller, surface, daemon):
        for pattern in ("/acestep/*", "/*", "/acestep/{seed,tags}"):
            surface.send(pattern, 1)
        await surface.wait("/acestep/error", "/acestep/*")
        surface.send("/acestep/get", "seed")
        assert await surface.wait("/acestep/seed") == (-1,)
        assert not controller.controls.values

    play(scenario, tmp_path)


def test_a_bundle_is_applied_as_one_or_not_at_all(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.raw(bundle(encode("/acestep/seed", 3), encode("/acestep/variance", 7.0)))
        await surface.wait("/acestep/error", "/acestep/variance")
        assert not controller.controls.values
        surface.raw(
            bundle(encode("/acestep/seed", 3), encode("/acestep/tags", "house"), encode("/acestep/region", 1, 2))
        )
        await until(lambda: controller.controls.values.get("end_time") == 2.0)
        assert controller.controls.values["seed"] == 3

    play(scenario, tmp_path)


def source(tmp_path: Path) -> str:
    path = tmp_path / "song.wav"
    path.write_bytes(b"RIFF")
    return str(path)


def test_render_watch_receive_and_choose_takes(tmp_path):
    async def scenario(controller, surface, daemon):
        song = source(tmp_path)
        for path, *arguments in (("source", song), ("region", 8, 12.5), ("tags", "house"), ("seed", 3)):
            surface.send(f"/acestep/{path}", *arguments)
        surface.send("/acestep/inpaint", 17)
        assert await surface.wait("/acestep/ack") == ("/acestep/inpaint", 17)
        await surface.wait("/acestep/status", "inpaint: queued")
        assert daemon.requests == [
            {"task": "inpaint", "audio": song, "start_time": 8.0, "end_time": 12.5, "tags": "house", "seed": 3}
        ]
        daemon.advance("job1", state="running", stage="denoise", step=9, steps=27, progress=0.4, remaining_seconds=1.5)
        await surface.wait("/acestep/status", "inpaint: denoise 9 of 27")
        assert (await surface.wait("/acestep/progress"))[0] == pytest.approx(0.4)
        daemon.advance("job1", state="completed", progress=1.0)
        first = str(tmp_path / "job1.wav")
        assert await surface.wait("/acestep/result") == (first,)
        assert await surface.wait("/acestep/take") == (1, 1)
        surface.send("/acestep/retake", 1.0)  # a button
        await until(lambda: len(daemon.requests) == 2)
        daemon.advance("job2", state="completed")
        await surface.wait("/acestep/take", 2, 2)
        for command, path, place in (
            ("previous", first, (1, 2)), ("original", song, (0, 2)), ("original", first, (1, 2)),
            ("next", str(tmp_path / "job2.wav"), (2, 2)), ("reject", first, (1, 1)), ("commit", first, (0, 0)),
        ):  # fmt: skip
            surface.send(f"/acestep/take/{command}")
            assert await surface.wait("/acestep/result") == (path,)
            assert await surface.wait("/acestep/take") == place
        assert controller.controls.values["source"] == first
        surface.send("/acestep/take/reject")
        await surface.wait("/acestep/error", "/acestep/take/reject")

    play(scenario, tmp_path)


def test_results_are_copied_under_names_that_are_free(tmp_path):
    async def scenario(controller, surface, daemon):
        out = tmp_path / "out"
        surface.send("/acestep/source", source(tmp_path))
        surface.send("/acestep/result/folder", str(out))
        surface.send("/acestep/tags", "house")
        for number in (1, 2):
            surface.send("/acestep/inpaint")
            await until(lambda: len(daemon.jobs) == number)  # noqa: B023
            daemon.advance(f"job{number}", state="completed")
            ending = "" if number == 1 else " 2"
            assert await surface.wait("/acestep/result") == (str(out / f"song inpaint{ending}.wav"),)
        assert (out / "song inpaint 2.wav").read_bytes() == b"job2"

    play(scenario, tmp_path)


def test_failures_and_refusals_are_told(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "refuse")
        surface.send("/acestep/text_to_audio")
        assert await surface.wait("/acestep/error") == ("/acestep/text_to_audio", "refuse", "x")
        surface.send("/acestep/tags", "house")
        surface.send("/acestep/text_to_audio")
        await until(lambda: "job2" in daemon.jobs)
        error = ErrorContent(code="out_of_memory", message="no memory", remedy="a shorter region")
        daemon.advance("job2", state="failed", error=error)
        assert await surface.wait("/acestep/error") == ("/acestep/text_to_audio", "no memory", "a shorter region")
        await surface.wait("/acestep/status", "text-to-audio: failed: no memory")

    play(scenario, tmp_path)


def test_cancel_stops_the_last_job_and_cancel_all_stops_every_one(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        for _ in range(3):
            surface.send("/acestep/text_to_audio")
        await until(lambda: len(daemon.jobs) == 3)
        await surface.wait("/acestep/queue", 3)
        surface.send("/acestep/cancel")
        await surface.wait("/acestep/queue", 2)
        assert [job.state for job in daemon.jobs.values()] == ["queued", "queued", "cancelled"]
        surface.send("/acestep/cancel/all")
        await surface.wait("/acestep/queue", 0)
        assert {job.state for job in daemon.jobs.values()} == {"cancelled"}

    play(scenario, tmp_path)


def test_a_repeated_serial_number_is_acknowledged_but_done_once(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        for _ in range(4):
            surface.send("/acestep/text_to_audio", 40)
            await surface.wait("/acestep/ack", "/acestep/text_to_audio", 40)
        surface.send("/acestep/text_to_audio", 41)
        await until(lambda: len(daemon.requests) == 2)
        other = Surface(controller.port)  # the same program on a new port, such as oscsend
        other.send("/acestep/text_to_audio", 41)
        await other.wait("/acestep/ack", "/acestep/text_to_audio", 41)
        await asyncio.sleep(0.05)
        assert len(daemon.requests) == 2

    play(scenario, tmp_path)


def test_a_button_let_go_is_no_command(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        for value in (1.0, 0.0, 1, 0):
            surface.send("/acestep/text_to_audio", value)
        surface.send("/acestep/get", "tags")
        await surface.wait("/acestep/tags", "house")
        await until(lambda: len(daemon.requests) == 2)
        await asyncio.sleep(0.05)
        assert len(daemon.requests) == 2

    play(scenario, tmp_path)


def test_presets(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        surface.send("/acestep/variance", 0.25)
        surface.send("/acestep/preset/save", "Soft ö")
        await surface.wait("/acestep/preset/name", "Soft ö")
        surface.send("/acestep/variance", 0.75)
        surface.send("/acestep/seed", 9)
        surface.send("/acestep/preset/recall", "Soft ö")
        await until(lambda: controller.controls.values == {"tags": "house", "variance": 0.25})
        await until(lambda: daemon.values == {"tags": "house", "variance": 0.25})
        for name in ("../evil", "a/b", "", ".hidden", "nul\x07"):
            surface.send("/acestep/preset/save", name)
            await surface.wait("/acestep/error", "/acestep/preset/save")
        surface.send("/acestep/preset/recall", "Hard")
        assert "Soft ö" in (await surface.wait("/acestep/error", "/acestep/preset/recall"))[2]
        surface.send("/acestep/preset/list")
        await surface.wait("/acestep/preset/name", "Soft ö")
        assert [p.name for p in (tmp_path / "presets").iterdir()] == ["Soft ö.json"]

    play(scenario, tmp_path)


def test_only_files_in_allowed_folders_may_be_named(tmp_path):
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"x")
    (allowed / "link.wav").symlink_to(outside)

    async def scenario(controller, surface, daemon):
        for path in (outside, allowed / "link.wav", allowed / ".." / "outside.wav", "song.wav"):
            surface.send("/acestep/source", str(path))
            await surface.wait("/acestep/error", "/acestep/source")
        surface.send("/acestep/result/folder", str(tmp_path))
        await surface.wait("/acestep/error", "/acestep/result/folder")
        surface.send("/acestep/source", str(allowed / "song.wav"))
        await until(lambda: controller.controls.values.get("source") == str(allowed / "song.wav"))

    play(scenario, tmp_path, roots=(allowed,))


def test_a_surface_may_have_feedback_on_another_port_and_leave(tmp_path):
    async def scenario(controller, surface, daemon):
        ear = Surface(controller.port)
        surface.send("/acestep/register", ear.port)
        assert await ear.wait("/acestep/ack") == ("/acestep/register", -1)
        daemon.change({"tags": "one"})
        await ear.wait("/acestep/tags", "one")
        surface.send("/acestep/unregister")
        await asyncio.sleep(0.05)
        ear.heard.clear()
        daemon.change({"tags": "two"})
        await ear.silence("/acestep/tags", 0.1)

    play(scenario, tmp_path)


def test_region_by_bars_follows_the_tempo(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tempo", 120.0)
        surface.send("/acestep/region/bars", 5, 4)
        assert await surface.wait("/acestep/region") == (8.0, 16.0)
        surface.send("/acestep/meter", "3/4")
        assert await surface.wait("/acestep/region") == (6.0, 12.0)
        surface.send("/acestep/region", 1.5, 2.5)
        assert await surface.wait("/acestep/region/bars") == (0, 0)
        surface.send("/acestep/region", 2.5, 1.5)
        await surface.wait("/acestep/error", "/acestep/region")
        surface.send("/acestep/clear", "/acestep/end_time")
        assert await surface.wait("/acestep/region", 1.5) == (1.5, -1.0)

    play(scenario, tmp_path)


def test_a_burst_of_3000_fader_messages_while_rendering(tmp_path):
    """The last value stands, no command is lost, and the daemon hears no more than 50 changes a second."""

    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        surface.send("/acestep/text_to_audio", 2)
        await until(lambda: "job1" in daemon.jobs)
        daemon.advance("job1", state="running", stage="denoise", step=1, steps=27)
        began, calls, acks = time.monotonic(), len(daemon.set_calls), 0
        for number in range(3000):
            surface.send("/acestep/variance", number / 4000)
            if number % 300 == 150:
                surface.send("/acestep/text_to_audio", 1000 + number)
            if number % 64 == 63:
                await asyncio.sleep(0)  # one process for both sides: let the controller's sockets be drained
        surface.send("/acestep/variance", 0.875)
        while acks < 10:
            assert (await surface.wait("/acestep/ack"))[0] == "/acestep/text_to_audio"
            acks += 1
        await until(lambda: daemon.values.get("variance") == 0.875)
        assert controller.controls.values["variance"] == 0.875
        seconds = time.monotonic() - began
        assert len(daemon.set_calls) - calls <= 50 * seconds + 2
        await until(lambda: len(daemon.requests) == 11)

    play(scenario, tmp_path)


def test_ten_thousand_fuzzed_datagrams(tmp_path):
    """Nothing falls over, and the surface is still served."""
    random_bytes = random.Random(4)
    good = [encode("/acestep/variance", 0.5), encode("/acestep/region", 1.0, 2.0), encode("/acestep/tags", "a")]
    good += [encode("/acestep/get", "seed"), bundle(good[0], good[1]), encode("/acestep/take/next", 7)]

    def broken() -> bytes:
        data = bytearray(random_bytes.choice(good))
        for _ in range(random_bytes.randint(1, 4)):
            data[random_bytes.randrange(len(data))] = random_bytes.randrange(256)
        return bytes(data[: random_bytes.randint(0, len(data))])

    async def scenario(controller, surface, daemon):
        for number in range(10_000):
            surface.raw(broken() if number % 2 else random_bytes.randbytes(random_bytes.randint(0, 60)))
            if number % 100 == 99:
                surface.poll()
                surface.heard.clear()
                await asyncio.sleep(0)
        await until(lambda: not controller.udp.waiting)
        surface.send("/acestep/seed", 77)
        surface.send("/acestep/take/next", 88)
        await surface.wait("/acestep/ack", "/acestep/take/next", 88)
        assert controller.controls.values["seed"] == 77

    play(scenario, tmp_path)


def test_each_command_is_acknowledged_once_and_in_order(tmp_path):
    """How soon is measured by `python -m tests.bench.bench_osc`."""

    async def scenario(controller, surface, daemon):
        for number in range(100):
            surface.send("/acestep/take/next", 100 + number)
        for number in range(100):
            assert await surface.wait("/acestep/ack") == ("/acestep/take/next", 100 + number)
        await surface.silence("/acestep/ack", 0.02)

    play(scenario, tmp_path)
