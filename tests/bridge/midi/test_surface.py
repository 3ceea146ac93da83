"""MIDI devices at a running controller: bytes through mido's parser and ports, over a cable in this process."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.support.osc import MemoryDaemon, Surface, running, until
from tests.support.patience import HANG_SECONDS

pytest.importorskip("mido", reason="mido is absent (extra: midi)")

import bridge.midi.devices
import bridge.midi.ports
from tests.support.midi_cable import Backend, Cable

KNOBS, PADS = "Knobs MIDI 1 24:0", "Pads MIDI 1 28:0"


@pytest.fixture
def cable(monkeypatch):
    monkeypatch.setattr(bridge.midi.devices, "load_backend", lambda: Backend)
    monkeypatch.setattr(bridge.midi.ports, "SCAN_SECONDS", 0.02)
    monkeypatch.setattr(bridge.midi.devices, "RELOAD_SECONDS", 0.02)
    monkeypatch.setattr("bridge.midi.translator.LISTEN_SECONDS", 0.05)
    Cable.names[:] = [KNOBS, PADS]
    Cable.heard.clear()
    return Cable


def bound(source: dict, address: str, **more) -> dict:
    return {"source": {"channel": 1, **source}, "address": f"/acestep/{address}", **more}


def play(scenario, tmp_path, *bindings):
    (tmp_path / "midi.json").write_text(json.dumps({"bindings": bindings}))
    daemon = MemoryDaemon(tmp_path, {"variance": 0.25, "tags": "house"})

    async def main() -> None:
        async with running(daemon, tmp_path, midi=("knobs", "Pads")) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/sync")
            await surface.wait("/acestep/status", "ready")
            await until(lambda: len(Cable.inputs) == len(Cable.names))
            await scenario(controller, surface, daemon)
        assert not Cable.inputs  # closed

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


def test_faders_knobs_and_pads_set_and_command(cable, tmp_path):
    async def scenario(controller, surface, daemon):
        values = controller.controls.values
        cable.play(KNOBS, 0xB0, 7, 127, 0xF8, 0xB0, 7, 64)  # a clock in between
        await until(lambda: daemon.values.get("variance") == pytest.approx(64 / 127, abs=1e-6))
        cable.play(KNOBS, 0xB0, 10, 3, 0xB0, 10, 127)
        await until(lambda: values.get("number_of_steps") == 29)
        cable.play(KNOBS, 0xE0, 0, 64)
        await until(lambda: values.get("guidance_scale") == pytest.approx(100, abs=0.1))
        cable.play(PADS, 0x90, 40, 100, 0x80, 40, 0)
        await until(lambda: values.get("region/bars") == [5, 4])
        cable.play(PADS, 0x90, 36, 100, 0x80, 36, 0, 0x90, 36, 1, 0x90, 36, 0)
        await until(lambda: len(daemon.requests) == 2)
        cable.play(KNOBS, 0xB0, 20, 127, 0xB0, 20, 0)
        await until(lambda: len(daemon.requests) == 3)
        cable.play(KNOBS, 0xC0, 9)
        await surface.wait("/acestep/error", "/acestep/preset/recall")  # told to those who can read

    play(
        scenario, tmp_path,
        bound({"kind": "cc", "number": 7}, "variance"),
        bound({"kind": "cc", "number": 10}, "number_of_steps", mode="twos"),
        bound({"kind": "pitch"}, "guidance_scale"),
        bound({"kind": "note", "number": 40}, "region/bars", arguments=[5, 4]),
        bound({"kind": "note", "number": 36}, "text_to_audio"),
        bound({"kind": "cc", "number": 20}, "text_to_audio", mode="press"),
        bound({"kind": "program", "number": 9}, "preset/recall", arguments=["Soft"]),
        bound({"kind": "note", "number": 99}, "text_to_audio"),
        bound({"kind": "cc", "number": 99}, "gone/in/this/version"),
    )  # fmt: skip


def test_motor_faders_and_lamps_follow_but_no_hand_is_fought(cable, tmp_path):
    async def scenario(controller, surface, daemon):
        heard = cable.heard
        await until(lambda: b"\xb0\x07\x20" in heard.get(KNOBS, []))  # 0.25, as soon as it is plugged in
        daemon.change({"variance": 1.0})
        await until(lambda: heard[KNOBS][-1] == b"\xb0\x07\x7f")
        count = len(heard[KNOBS])
        cable.play(KNOBS, 0xB0, 7, 0)
        await surface.wait("/acestep/variance", 0.0)
        await asyncio.sleep(0.5)
        assert len(heard[KNOBS]) == count  # it stands where the hand left it
        cable.play(PADS, 0x90, 50, 127, 0x90, 50, 0)  # a switch: its lamp follows at once
        await until(lambda: b"\x90\x32\x7f" in heard[PADS])
        surface.send("/acestep/region", 1.0, 2.0)
        await until(lambda: heard[PADS][-1] == b"\x90\x32\x00")
        surface.send("/acestep/text_to_audio")
        await until(lambda: b"\x90\x24\x7f" in heard[PADS])
        daemon.advance("job1", state="running", progress=0.5, steps=10, step=5)
        await until(lambda: b"\xb0\x0b\x40" in heard[KNOBS])
        daemon.advance("job1", state="completed")
        await until(lambda: heard[PADS][-1] == b"\x90\x24\x00")

    play(
        scenario, tmp_path,
        bound({"kind": "cc", "number": 7, "port": "Knobs"}, "variance"),
        bound({"kind": "note", "number": 50, "port": "Pads"}, "region/loop"),
        bound({"kind": "note", "number": 36, "port": "Pads"}, "text_to_audio"),
        bound({"kind": "cc", "number": 11, "port": "Knobs"}, "progress"),
    )  # fmt: skip


def test_a_fader_that_stands_elsewhere_is_picked_up(cable, tmp_path):
    async def scenario(controller, surface, daemon):
        values = controller.controls.values
        cable.play(KNOBS, 0xB0, 7, 120, 0xB0, 7, 100)
        await asyncio.sleep(0.05)
        assert values["variance"] == 0.25
        cable.play(KNOBS, 0xB0, 7, 20, 0xB0, 7, 60)  # passed it
        await until(lambda: values["variance"] == pytest.approx(60 / 127, abs=1e-6))
        daemon.change({"variance": 0.9})
        await surface.wait("/acestep/variance", pytest.approx(0.9))
        cable.play(KNOBS, 0xB0, 7, 62)
        await asyncio.sleep(0.05)
        assert values["variance"] == 0.9

    play(scenario, tmp_path, bound({"kind": "cc", "number": 7}, "variance", pickup=True))


def test_learning_by_osc(cable, tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/midi/learn", "variance")
        await surface.wait("/acestep/midi/words", "variance: move a fader or press a button")
        cable.play(KNOBS, *[byte for value in range(30, 60) for byte in (0xB0, 7, value)])
        await surface.wait("/acestep/midi/words", "/acestep/variance: CC 7 on channel 1 of Knobs MIDI 1")
        assert controller.controls.values["variance"] == 0.25  # learning sets nothing
        cable.play(KNOBS, 0xB0, 7, 127)
        await until(lambda: controller.controls.values["variance"] == 1.0)
        surface.send("/acestep/midi/learn", "take/next")
        await surface.wait("/acestep/midi/words")
        cable.play(PADS, 0x80, 36, 0, 0x90, 36, 100, 0x80, 36, 0)
        await surface.wait("/acestep/midi/words", "/acestep/take/next: note 36 on channel 1 of Pads MIDI 1")
        surface.send("/acestep/midi/list")
        assert await surface.wait("/acestep/midi/binding") == (
            "CC 7 on channel 1 of Knobs MIDI 1", "/acestep/variance",
        )  # fmt: skip
        surface.send("/acestep/midi/learn", "preset/recall")
        assert "preset/recall Soft" in (await surface.wait("/acestep/error", "/acestep/midi/learn"))[2]
        surface.send("/acestep/midi/forget", "variance")
        await surface.wait("/acestep/midi/words", "variance: 1 forgotten")
        surface.send("/acestep/midi/learn", "")
        await surface.wait("/acestep/midi/words", "not learning")

    play(scenario, tmp_path)


def test_devices_come_and_go_and_the_map_changes_under_way(cable, tmp_path):
    async def scenario(controller, surface, daemon):
        cable.names.remove(KNOBS)
        await until(lambda: KNOBS not in cable.inputs)
        cable.names.append(KNOBS)
        await until(lambda: KNOBS in cable.inputs)
        (tmp_path / "midi.json").write_text("{broken")
        await surface.wait("/acestep/midi/words")
        (tmp_path / "midi.json").write_text(json.dumps({"bindings": [bound({"kind": "cc", "number": 1}, "variance")]}))
        await until(lambda: controller.devices[0].translator.map.bindings)
        cable.play(KNOBS, 0xB0, 1, 127)
        await until(lambda: controller.controls.values["variance"] == 1.0)

    play(scenario, tmp_path)


def test_without_midi_learning_says_what_to_do(tmp_path):
    async def main() -> None:
        async with running(MemoryDaemon(tmp_path), tmp_path) as controller:
            surface = Surface(controller.port)
            surface.send("/acestep/midi/learn", "variance")
            assert "osc --midi" in (await surface.wait("/acestep/error", "/acestep/midi/learn"))[2]

    asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))


def test_the_clock_of_the_device_that_started_counts(cable, tmp_path):
    """Ticks of another device, and of one that never started, are no beat."""

    async def scenario(controller, surface, daemon):
        clock = controller.devices[0].clock
        cable.play(PADS, *[0xF8] * 30)
        cable.play(KNOBS, 0xFA, *[0xF8] * 3)
        await until(lambda: len(clock._ticks) == 3)
        cable.play(PADS, *[0xF8] * 30)
        cable.play(KNOBS, 0xF8)
        await until(lambda: len(clock._ticks) == 4)
        surface.send("/acestep/sync")
        while True:
            cable.play(KNOBS, 0xF8)
            await asyncio.sleep(0.01)
            surface.poll()
            if ("/acestep/clock/source", ("midi",)) in surface.heard:
                return

    play(scenario, tmp_path)
