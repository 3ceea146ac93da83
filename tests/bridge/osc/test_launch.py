"""Takes that change on the grid: a clock that the test moves, real sockets, files that are told when they count."""

from __future__ import annotations

import asyncio

import pytest

from bridge.clock.midi_clock import MidiClock
from tests.bridge.osc.test_stage import with_takes
from tests.support.osc import Hands, Surface, play, until


async def ready(controller, surface, quantize: str, tempo: float = 120.0) -> None:
    """A bar of 2 s that begins now."""
    surface.send("/acestep/register", surface.port)
    surface.send("/acestep/tempo", tempo)
    surface.send("/acestep/tempo/downbeat")
    surface.send("/acestep/take/quantize", quantize)
    await surface.wait("/acestep/take/quantize", quantize)


async def quiet(controller, surface, *paths: str) -> None:
    """One more look of the clock changes nothing."""
    controller.beats.tick()
    await asyncio.sleep(0.05)
    surface.poll()
    assert not [message for message in surface.heard if message[0] in paths]


@pytest.mark.parametrize(("quantize", "seconds"), [("beat", 0.5), ("bar", 2.0), ("2 bars", 4.0), ("4 bars", 8.0)])
def test_another_take_counts_at_the_next_time_and_not_before(tmp_path, quantize, seconds):
    now = Hands()

    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 2)
        await ready(controller, surface, quantize)
        now.seconds += 0.1
        surface.send("/acestep/take/previous", 9)
        await surface.wait("/acestep/ack", "/acestep/take/previous", 9)
        assert await surface.wait("/acestep/take/pending") == (str(tmp_path / "job1.wav"),)
        assert "take 1 at the next" in (await surface.wait("/acestep/take/pending/words"))[0]
        now.seconds += seconds - 0.11
        await quiet(controller, surface, "/acestep/result", "/acestep/take")
        now.seconds += 0.01
        assert await surface.wait("/acestep/result") == (str(tmp_path / "job1.wav"),)
        assert await surface.wait("/acestep/take") == (1, 2)
        await surface.wait("/acestep/take/pending/lamp", 0)

    play(scenario, tmp_path, now=now)


def test_what_is_asked_for_in_one_bar_is_done_together_and_in_order(tmp_path):
    now = Hands()

    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 4)
        await ready(controller, surface, "bar")
        now.seconds += 0.1
        for command in ("previous", "previous", "reject", "commit"):
            surface.send(f"/acestep/take/{command}")
        await surface.wait("/acestep/ack", "/acestep/take/commit")
        surface.send("/acestep/take/select", 1)  # there is none after the commit
        await surface.wait("/acestep/error", "/acestep/take/select")
        assert controller.takes.present == 4
        now.seconds += 2.0
        await surface.wait("/acestep/take", 0, 0)
        assert controller.controls.values["source"] == str(tmp_path / "job3.wav")

    play(scenario, tmp_path, now=now)


def test_a_new_take_waits_for_the_bar_and_is_told_before(tmp_path):
    """Its path is told as pending, to be loaded, and as the result when it counts; held, it is a result at once."""
    now = Hands()

    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 1)
        await ready(controller, surface, "bar")
        now.seconds += 0.1
        for number in (2, 3):
            surface.send("/acestep/inpaint")
            await until(lambda: len(daemon.jobs) == number)  # noqa: B023
            surface.poll()
            surface.heard.clear()
            daemon.advance(f"job{number}", state="completed")
            assert await surface.wait("/acestep/take/pending") == (str(tmp_path / f"job{number}.wav"),)
            await quiet(controller, surface, "/acestep/result")
            assert (controller.takes.present, len(controller.takes.paths)) == (1, number)
        now.seconds += 2.0
        assert await surface.wait("/acestep/result", str(tmp_path / "job3.wav"))
        await surface.wait("/acestep/take", 3, 3)
        surface.send("/acestep/take/hold", 1)
        await surface.wait("/acestep/take/hold", 1)
        surface.send("/acestep/inpaint")
        await until(lambda: len(daemon.jobs) == 4)
        daemon.advance("job4", state="completed")
        await surface.wait("/acestep/result", str(tmp_path / "job4.wav"))
        await surface.wait("/acestep/take", 3, 4)

    play(scenario, tmp_path, now=now)


def test_undo_takes_back_what_waits_and_panic_all_of_it(tmp_path):
    now = Hands()

    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 3)
        await ready(controller, surface, "bar")
        now.seconds += 0.1
        surface.send("/acestep/take/previous")
        surface.send("/acestep/take/reject")
        surface.send("/acestep/undo")  # the drop, which has not happened yet
        await surface.wait("/acestep/ack", "/acestep/undo")
        now.seconds += 2.0
        await surface.wait("/acestep/take", 2, 3)
        surface.send("/acestep/take/next")
        await surface.wait("/acestep/take/pending/lamp", 1)
        surface.send("/acestep/panic")
        await surface.wait("/acestep/take/pending/lamp", 0)
        now.seconds += 4.0
        await quiet(controller, surface, "/acestep/take", "/acestep/result")
        surface.send("/acestep/take/next")
        await surface.wait("/acestep/take/pending/lamp", 1)
        surface.send("/acestep/take/quantize", "off")  # nothing to wait for any more
        await surface.wait("/acestep/take", 3, 3)

    play(scenario, tmp_path, now=now)


def test_another_source_forgets_what_waited_and_early_is_early(tmp_path):
    now = Hands()

    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 2)
        await ready(controller, surface, "bar")
        surface.send("/acestep/take/early", 0.2)
        await surface.wait("/acestep/take/early")
        surface.send("/acestep/take/previous")
        await surface.wait("/acestep/take/pending/lamp", 1)
        now.seconds += 1.79
        await quiet(controller, surface, "/acestep/result")
        now.seconds += 0.02
        await surface.wait("/acestep/take", 1, 2)
        surface.send("/acestep/take/next")
        await surface.wait("/acestep/take/pending/lamp", 1)
        surface.send("/acestep/source", str(tmp_path / "job1.wav"))
        await surface.wait("/acestep/take/pending/lamp", 0)
        now.seconds += 4.0
        await quiet(controller, surface, "/acestep/result")

    play(scenario, tmp_path, now=now)


@pytest.mark.parametrize("value", ["soon", "0 bars", "65 bars", "bars"])
def test_another_time_is_refused(tmp_path, value):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/take/quantize", value)
        assert "4 bars" in (await surface.wait("/acestep/error", "/acestep/take/quantize"))[2]
        surface.send("/acestep/take/early", 2.5)
        await surface.wait("/acestep/error", "/acestep/take/early")

    play(scenario, tmp_path)


def test_beats_and_bars_are_told_to_those_that_registered(tmp_path):
    now = Hands()

    async def scenario(controller, surface, daemon):
        silent = Surface(controller.port)
        silent.send("/acestep/get", "tempo")
        await silent.wait("/acestep/tempo")
        await ready(controller, surface, "off")
        surface.send("/acestep/meter", "3/4")
        surface.send("/acestep/tempo/downbeat", 77)
        await surface.wait("/acestep/ack", "/acestep/tempo/downbeat", 77)
        controller.beats.tick()
        heard = []
        surface.poll()
        surface.heard.clear()
        for _ in range(6):
            now.seconds += 0.5
            controller.beats.tick()
            heard.append((await surface.wait("/acestep/beat"))[0])
        assert sorted(heard) == [1, 1, 2, 2, 3, 3] and heard[:3] == heard[3:]
        surface.heard.clear()
        for _ in range(3):
            now.seconds += 0.5
            controller.beats.tick()
        await surface.wait("/acestep/bar")
        silent.poll()
        assert not [message for message in silent.heard if message[0] in ("/acestep/beat", "/acestep/bar")]

    play(scenario, tmp_path, now=now)


def test_the_tempo_follows_midi_clock_and_takes_wait_for_its_bar(tmp_path):
    now, midi = Hands(), MidiClock()

    async def scenario(controller, surface, daemon):
        await with_takes(surface, daemon, tmp_path, 2)
        await ready(controller, surface, "bar", tempo=90.0)
        surface.send("/acestep/tempo/follow", 1)
        await surface.wait("/acestep/tempo/follow", 1)
        midi.hear(b"\xfa", now.seconds)

        def tick(count: int, tempo: float = 150.0) -> None:
            for _ in range(count):
                now.seconds += 60 / tempo / 24
                midi.hear(b"\xf8", now.seconds)

        tick(25)  # beat 1 begins
        assert (await surface.wait("/acestep/clock/source", "midi"))[0] == "midi"
        await until(lambda: controller.controls.values.get("tempo") == 150.0)
        surface.send("/acestep/take/previous")
        await surface.wait("/acestep/take/pending/lamp", 1)
        tick(3 * 24 - 1)
        await quiet(controller, surface, "/acestep/result")
        tick(1)
        await surface.wait("/acestep/take", 1, 2)
        surface.send("/acestep/tempo/downbeat")
        assert "midi" in (await surface.wait("/acestep/error", "/acestep/tempo/downbeat"))[1]
        tick(100, 1500.0)  # no tempo that a request may have
        controller.beats.tick()
        assert controller.clock.beat().tempo > 1000 and controller.controls.values["tempo"] <= 400

    play(scenario, tmp_path, now=now, clocks=[midi])
