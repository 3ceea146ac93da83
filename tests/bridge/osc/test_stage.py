"""What a performer would meet: each fault of the stage at a controller with real sockets."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest
import soundfile

from bridge.osc.clock.tempo_commands import TempoCommands
from bridge.protocol.errors import DaemonLost
from tests.support.osc import MemoryDaemon, Surface, play, running, until
from tests.support.patience import HANG_SECONDS


def song(tmp_path, name="song.wav", seconds=4.0) -> str:
    path = tmp_path / name
    soundfile.write(path, np.zeros((int(8000 * seconds), 2)), 8000)
    return str(path)


async def take(surface, daemon, number: int, task: str = "inpaint") -> None:
    """One more render, from the command to its result."""
    surface.send(f"/acestep/{task}")
    await until(lambda: len(daemon.jobs) == number)
    daemon.advance(f"job{number}", state="completed")
    await surface.wait("/acestep/result", str(daemon.folder / f"job{number}.wav"))


async def with_takes(surface, daemon, tmp_path, count: int) -> str:
    path = song(tmp_path)
    surface.send("/acestep/source", path)
    surface.send("/acestep/tags", "house")
    for number in range(1, count + 1):
        await take(surface, daemon, number)
        await surface.wait("/acestep/take", number, number)
    return path


def test_cancel_stops_the_running_job_not_the_newest_queued_one(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        for _ in range(3):
            surface.send("/acestep/text_to_audio")
        await until(lambda: len(daemon.jobs) == 3)
        daemon.advance("job1", state="running")
        surface.send("/acestep/cancel")
        await until(lambda: daemon.jobs["job1"].state == "cancelled")
        assert [job.state for job in daemon.jobs.values()] == ["cancelled", "queued", "queued"]

    play(scenario, tmp_path)


def test_a_render_under_way_while_a_take_is_kept_is_a_take(tmp_path):
    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 1)
        surface.send("/acestep/inpaint")
        await until(lambda: len(daemon.jobs) == 2)
        surface.send("/acestep/take/commit")
        await surface.wait("/acestep/take", 0, 0)
        daemon.advance("job2", state="completed")
        await surface.wait("/acestep/take", 1, 1)
        surface.send("/acestep/source", song(tmp_path, "other.wav"))
        await surface.wait("/acestep/take", 0, 0)

    play(scenario, tmp_path)


def test_a_lost_result_comes_again(tmp_path):
    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 1)
        late = Surface(controller.port)
        late.send("/acestep/sync")
        result = str(tmp_path / "job1.wav")
        assert await late.wait("/acestep/result") == (result,)
        late.send("/acestep/register", late.port)
        await late.wait("/acestep/ack", "/acestep/register")
        late.poll()
        late.heard.clear()
        for _ in range(14):
            controller.resending.one_second()
            late.poll()  # or its buffer overflows
        assert ("/acestep/result", (result,)) in late.heard
        surface.send("/acestep/inpaint")
        await until(lambda: len(daemon.jobs) == 2)
        late.poll()
        late.heard.clear()
        for _ in range(14):  # an old result would be taken for that of the new task
            controller.resending.one_second()
            late.poll()
        assert not [message for message in late.heard if message[0] == "/acestep/result"]

    play(scenario, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("meter", "7-8"), ("meter", "4/5"), ("channels", "0"), ("oss_steps", "5, 3"), ("tracks", "gong")],
)
def test_a_text_that_would_block_every_task_is_refused(tmp_path, name, value):
    async def scenario(controller, surface, daemon):
        surface.send(f"/acestep/{name}", value)
        assert (await surface.wait("/acestep/error", f"/acestep/{name}"))[2]
        assert name not in controller.controls.values

    play(scenario, tmp_path)


def test_a_missing_source_and_a_region_past_its_end_are_told_at_once(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/source", str(tmp_path / "missing.wav"))
        await surface.wait("/acestep/error", "/acestep/source")
        surface.send("/acestep/source", song(tmp_path, seconds=4.0))
        surface.send("/acestep/region", 1.0, 9.0)
        _, got, expected = await surface.wait("/acestep/error", "/acestep/region")
        assert (got, "4.000" in expected) == ("end_time 9", True)
        surface.heard.clear()
        surface.send("/acestep/region", 1.0, 4.0)
        await surface.silence("/acestep/error", 0.4)

    play(scenario, tmp_path)


def test_a_new_take_leaves_the_one_that_is_heard(tmp_path):
    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 2)
        surface.send("/acestep/take/previous")
        await surface.wait("/acestep/take", 1, 2)
        await take(surface, daemon, 3)
        await surface.wait("/acestep/take", 1, 3)  # not the newest one: it stays
        surface.send("/acestep/take/select", 3)
        await surface.wait("/acestep/take", 3, 3)
        surface.send("/acestep/take/hold", 1)
        await surface.wait("/acestep/take/hold", 1)
        await take(surface, daemon, 4)
        await surface.wait("/acestep/take", 3, 4)

    play(scenario, tmp_path)


def test_the_first_of_three_dropped_goes_to_the_next_and_undo_brings_it_back(tmp_path):
    async def scenario(controller, surface, daemon):
        original = await with_takes(surface, daemon, tmp_path, 3)
        surface.send("/acestep/take/select", 1)
        await surface.wait("/acestep/take", 1, 3)
        surface.send("/acestep/take/reject")
        await surface.wait("/acestep/take", 1, 2)
        assert controller.takes.path == str(tmp_path / "job2.wav")
        surface.send("/acestep/take/commit")
        await surface.wait("/acestep/take", 0, 0)
        surface.send("/acestep/undo")
        await surface.wait("/acestep/take", 1, 2)
        assert controller.controls.values["source"] == original
        surface.send("/acestep/undo")
        await surface.wait("/acestep/take", 1, 3)
        assert controller.takes.path == str(tmp_path / "job1.wav")
        surface.send("/acestep/undo")
        await surface.wait("/acestep/error", "/acestep/undo")
        surface.send("/acestep/take/select", 4)
        await surface.wait("/acestep/error", "/acestep/take/select")

    play(scenario, tmp_path)


def test_undo_takes_a_recalled_preset_back(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/variance", 0.25)
        surface.send("/acestep/preset/save", "A")
        surface.send("/acestep/variance", 0.75)
        surface.send("/acestep/seed", 7)
        surface.send("/acestep/preset/recall", "A")
        await until(lambda: controller.controls.values == {"variance": 0.25})
        surface.send("/acestep/undo")
        await until(lambda: controller.controls.values == {"variance": 0.75, "seed": 7})
        await until(lambda: daemon.values == {"variance": 0.75, "seed": 7})

    play(scenario, tmp_path)


def test_the_last_takes_are_kept_with_names_and_lamps(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/take/keep", 2)
        await with_takes(surface, daemon, tmp_path, 2)
        await take(surface, daemon, 3)
        await surface.wait("/acestep/take", 2, 2)
        assert controller.takes.names == ["job2", "job3"]
        phone = Surface(controller.port)
        phone.send("/acestep/sync")
        await phone.wait("/acestep/take/1/name", "job2")
        await phone.wait("/acestep/take/2/lamp", 1)
        await phone.wait("/acestep/take/3/name", "")

    play(scenario, tmp_path)


def test_again_starts_the_last_task_and_panic_stops_everything(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        surface.send("/acestep/text_to_audio")
        surface.send("/acestep/again", 1.0)
        await until(lambda: len(daemon.requests) == 2)
        assert daemon.requests[0] == daemon.requests[1]
        surface.send("/acestep/repeat/bars", 4)
        surface.send("/acestep/panic")
        await until(lambda: {job.state for job in daemon.jobs.values()} == {"cancelled"})
        assert "repeat/bars" not in controller.controls.values

    play(scenario, tmp_path)


def test_the_tempo_is_tapped_and_nudged(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tempo", 120.0)
        surface.send("/acestep/tempo/nudge", -2.5)
        await until(lambda: controller.controls.values.get("tempo") == 117.5)
        surface.send("/acestep/tempo/nudge", 900.0)
        await surface.wait("/acestep/error", "/acestep/tempo/nudge")
        now, changed = [0.0], []
        commands = TempoCommands(controller.controls, changed.append, lambda: now[0])
        tap = commands.handlers()["/acestep/tempo/tap"]
        for seconds in (0.0, 10.0, 10.5, 11.0):  # the first tap was long ago
            now[0] = seconds
            tap.do(("127.0.0.1", 1), ())
        assert controller.controls.values["tempo"] == 120.0
        assert changed == [{"tempo"}, set()] or changed[0] >= {"tempo"}

    play(scenario, tmp_path)


def test_register_brings_everything_and_asking_again_does_not_disturb_typing(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        await until(lambda: controller.controls.values.get("tags") == "house")
        phone = Surface(controller.port)
        phone.send("/acestep/register", phone.port)
        assert await phone.wait("/acestep/tags") == ("house",)
        await phone.wait("/acestep/ack", "/acestep/register")
        await asyncio.sleep(0.4)  # the hand that typed it rests, and learns the value, too
        phone.poll()
        phone.heard.clear()
        phone.send("/acestep/register", phone.port)
        await phone.wait("/acestep/ack", "/acestep/register")
        assert not [m for m in phone.heard if m[0] == "/acestep/tags"]

    play(scenario, tmp_path)


def test_a_controller_started_again_has_takes_and_jobs(tmp_path):
    """One job ended while no controller ran, one goes on; both are told, and the second can be cancelled."""

    async def main() -> None:
        daemon = MemoryDaemon(tmp_path)
        async with running(daemon, tmp_path) as controller:
            surface = Surface(controller.port)
            await with_takes(surface, daemon, tmp_path, 1)
            surface.send("/acestep/inpaint")
            surface.send("/acestep/inpaint")
            await until(lambda: len(controller._watch.own_jobs()) == 2)
        daemon.advance("job2", state="completed")
        async with running(daemon, tmp_path) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/sync")
            await surface.wait("/acestep/take", 2, 2)
            await until(lambda: controller.takes.names == ["job1", "job2"])
            surface.send("/acestep/cancel")
            await until(lambda: daemon.jobs["job3"].state == "cancelled")
        (tmp_path / "takes.json").write_text('{"jobs": 3}')  # damaged: it counts as none
        async with running(daemon, tmp_path) as controller:
            assert controller.takes.paths == []

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


def test_a_job_that_runs_is_ours_even_where_our_file_is_gone(tmp_path):
    async def main() -> None:
        daemon = MemoryDaemon(tmp_path)
        async with running(daemon, tmp_path) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/tags", "house")
            surface.send("/acestep/text_to_audio")
            await until(lambda: len(daemon.jobs) == 1)
        os.remove(tmp_path / "takes.json")
        async with running(daemon, tmp_path) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/sync")
            await surface.wait("/acestep/status", "text-to-audio: queued")
            daemon.advance("job1", state="completed")
            await surface.wait("/acestep/take", 1, 1)

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


def test_a_command_to_a_dead_daemon_is_done_once_by_the_next_one(tmp_path):
    class Mortal(MemoryDaemon):
        alive, ids = True, ()

        def is_there(self):
            return self.alive

        async def submit(self, request, client_data, request_id):
            self.ids = (*self.ids, request_id)
            if not self.alive:
                raise DaemonLost("gone")
            return await super().submit(request, client_data, request_id)

    async def main() -> None:
        daemon, starts = Mortal(tmp_path), []
        ready = asyncio.Event()

        def start() -> None:  # in a thread
            starts.append(1)
            asyncio.run_coroutine_threadsafe(ready.wait(), loop).result(HANG_SECONDS)
            daemon.alive = True

        loop = asyncio.get_running_loop()
        async with running(daemon, tmp_path, start_daemon=start) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/tags", "house")
            await until(lambda: daemon.values.get("tags") == "house")
            daemon.alive = False
            surface.send("/acestep/text_to_audio", 7)
            await surface.wait("/acestep/ack", "/acestep/text_to_audio", 7)
            await surface.wait("/acestep/status", "no daemon: restarting it")
            await until(lambda: len(daemon.ids) >= 2)  # tried again
            ready.set()
            await until(lambda: len(daemon.requests) == 1)
            assert len(set(daemon.ids)) == 1  # the daemon would know a repeat
            assert len(starts) == 1

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))
