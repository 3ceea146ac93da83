"""What happens on a stage: the network goes and comes, two hands on one fader, a locked seed, a pattern each 8 bars."""

from __future__ import annotations

import asyncio

from bridge.osc.feedback.feedback_targets import EXPIRY_SECONDS, REGISTERED_SECONDS, FeedbackTargets
from bridge.osc.feedback.registration import RegisteredFile
from bridge.osc.feedback.resending import FIRST
from bridge.protocol.errors import DaemonLost
from tests.support.osc import Hands, MemoryDaemon, Surface, play, running, until
from tests.support.patience import HANG_SECONDS


def test_what_was_lost_while_the_network_was_away_comes_again(tmp_path):
    """Everything that is no typed text, within about ten seconds, and only to those that asked for feedback."""

    async def scenario(controller, surface, daemon):
        phone, tool = Surface(controller.port), Surface(controller.port)
        phone.send("/acestep/register", phone.port)
        tool.send("/acestep/get", "seed")
        daemon.change({"tags": "house", "variance": 0.25, "seed": 7})
        await phone.wait("/acestep/seed", 7)
        await tool.wait("/acestep/seed", 7)
        await asyncio.sleep(0.05)
        for each in (phone, tool):
            each.poll()
            each.heard.clear()  # as if all of it had been lost
        for _ in range(12):
            controller.resending.one_second()
            phone.poll()  # or its buffer overflows
            await asyncio.sleep(0)
        phone.poll()
        tool.poll()
        told = dict(phone.heard)
        assert told["/acestep/variance"] == (0.25,)
        assert told["/acestep/seed"] == (7,)
        assert told["/acestep/seed/words"] == ("seed 7 locked",)
        assert {*FIRST} <= told.keys()
        assert "/acestep/tags" not in told
        assert [v for p, v in phone.heard if p == "/acestep/alive"][:4] == [(1,), (0,), (1,), (0,)]
        assert not tool.heard

    play(scenario, tmp_path)


def test_two_hands_on_one_fader_agree_when_both_rest(tmp_path):
    async def scenario(controller, one, daemon):
        other = Surface(controller.port)
        for number in range(40):
            one.send("/acestep/variance", number / 100)
            other.send("/acestep/variance", 1 - number / 100)
            await asyncio.sleep(0.005)
        one.poll()
        one.heard.clear()
        other.poll()
        assert not [m for m in other.heard if m[0] == "/acestep/variance"]  # no hand is fought
        last = controller.controls.values["variance"]
        assert await one.wait("/acestep/variance") == await other.wait("/acestep/variance")
        assert daemon.values["variance"] == last

    play(scenario, tmp_path)


def test_a_seed_is_locked_to_the_last_result_and_let_go(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/tags", "house")
        surface.send("/acestep/text_to_audio")
        await until(lambda: "job1" in daemon.jobs)
        daemon.advance("job1", state="completed")
        assert await surface.wait("/acestep/result/seed") == (1001,)
        await surface.wait("/acestep/seed/words", "new seed each time, last 1001")
        surface.send("/acestep/seed/lock", 1)
        await surface.wait("/acestep/seed", 1001)
        surface.send("/acestep/text_to_audio")
        await until(lambda: len(daemon.requests) == 2)
        assert daemon.requests[1]["seed"] == 1001
        surface.send("/acestep/seed/lock", 0)
        await until(lambda: "seed" not in daemon.values)
        surface.send("/acestep/seed", 5)
        await surface.wait("/acestep/seed/lock", 1)
        assert "seed/lock" not in daemon.values

    play(scenario, tmp_path)


def test_locking_without_a_result_takes_a_seed(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/seed/lock", 1)
        (seed,) = await surface.wait("/acestep/seed")
        assert 0 <= seed < 2**31

    play(scenario, tmp_path)


def test_the_last_task_is_started_anew_each_so_many_bars(tmp_path):
    """Two bars at 400 bpm are 1.2 s. While a job runs nothing is started, and a stop is a stop."""

    now = Hands()

    async def scenario(controller, surface, daemon):
        for path, value in (("tags", "house"), ("tempo", 400.0), ("duration", 2.0)):
            surface.send(f"/acestep/{path}", value)
        surface.send("/acestep/text_to_audio")
        await until(lambda: "job1" in daemon.jobs)
        surface.send("/acestep/repeat/bars", 2)
        await surface.wait("/acestep/repeat/words", "each 2 bars")
        now.seconds += 1.3
        controller.beats.tick()
        await asyncio.sleep(0.01)
        assert len(daemon.requests) == 1  # the first job is not done yet
        daemon.advance("job1", state="completed")
        await surface.wait("/acestep/result")
        now.seconds += 1.0
        controller.beats.tick()
        await asyncio.sleep(0.01)
        assert len(daemon.requests) == 1  # not before the second time
        now.seconds += 0.1
        await until(lambda: len(daemon.requests) == 2)
        assert daemon.requests[1] == daemon.requests[0]
        daemon.advance("job2", state="completed")
        await surface.wait("/acestep/result")
        surface.send("/acestep/repeat/bars", 0)
        await surface.wait("/acestep/repeat/words", "")
        now.seconds += 1.4
        controller.beats.tick()
        await asyncio.sleep(0.01)
        assert len(daemon.requests) == 2
        assert "repeat/bars" not in daemon.values  # a controller started again does not begin to play by itself
        surface.send("/acestep/repeat/bars", -1)
        await surface.wait("/acestep/error", "/acestep/repeat/bars")

    play(scenario, tmp_path, now=now)


def test_registered_surfaces_are_told_by_a_controller_that_was_started_again(tmp_path):
    async def main() -> None:
        ear = Surface(1)
        async with running(MemoryDaemon(tmp_path), tmp_path) as controller:
            ear.to = ("127.0.0.1", controller.port)
            ear.send("/acestep/register", ear.port)
            await ear.wait("/acestep/ack", "/acestep/register")
            Surface.opened.remove(ear)
        async with running(MemoryDaemon(tmp_path, {"tags": "house"}), tmp_path):
            await ear.wait("/acestep/tags", "house")
        ear.socket.close()

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


def test_a_damaged_or_old_list_of_surfaces_counts_as_empty(tmp_path):
    for text in ("", "[1]", '{"saved": 0, "surfaces": [["127.0.0.1", 9]]}', '{"saved": 9e99, "surfaces": 3}'):
        (tmp_path / "surfaces.json").write_text(text)
        assert RegisteredFile(tmp_path / "surfaces.json").load() == []


def test_one_that_asked_for_feedback_may_look_on_for_two_hours():
    now = [0.0]
    surfaces = FeedbackTargets(lambda: now[0])
    surfaces.register(("10.0.0.5", 9100), 9727)
    surfaces.heard(("10.0.0.6", 9100))
    now[0] = EXPIRY_SECONDS + 1
    assert surfaces.targets("/acestep/status") == [("10.0.0.5", 9727)]
    now[0] = REGISTERED_SECONDS + 1
    assert surfaces.targets("/acestep/status") == []


def test_a_daemon_that_died_is_started_again_but_not_over_and_over(tmp_path):
    class Dead(MemoryDaemon):
        dead = True

        async def controls(self):
            if self.dead:
                raise DaemonLost("gone")
            return await super().controls()

    async def main() -> None:
        daemon, starts = Dead(tmp_path), []
        async with running(
            daemon, tmp_path, start_daemon=lambda: starts.append(setattr(daemon, "dead", False))
        ) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/sync")
            await surface.wait("/acestep/status", "ready")
            assert len(starts) == 1

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


def test_what_is_sent_again_has_the_value_of_now(tmp_path):
    """A round of it takes seconds: a fader moved meanwhile jumped back to where it was when the round began."""

    async def scenario(controller, surface, daemon):
        phone = Surface(controller.port)
        phone.send("/acestep/register", phone.port)
        daemon.change({"variance": 0.25})
        await phone.wait("/acestep/variance", 0.25)
        controller.resending.one_second()  # a round begins here
        daemon.change({"variance": 0.75, "start_time": 1.0, "end_time": 2.0})
        await phone.wait("/acestep/variance", 0.75)
        await phone.wait("/acestep/region/words", "1 to 2 s")
        phone.poll()
        phone.heard.clear()
        for _ in range(12):
            controller.resending.one_second()
            phone.poll()  # or its buffer overflows
        assert {v for p, v in phone.heard if p == "/acestep/variance"} == {(0.75,)}
        assert {v for p, v in phone.heard if p == "/acestep/region"} == {(1.0, 2.0)}
        assert {v for p, v in phone.heard if p == "/acestep/take"} == {(0, 0)}

    play(scenario, tmp_path)
