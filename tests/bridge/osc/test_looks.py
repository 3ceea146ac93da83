"""Text and colour of values, at a controller with real sockets."""

from __future__ import annotations

import re

import pytest

from bridge.osc.address_space.addresses import Kind, address_table
from bridge.osc.controls.looks import COUNTS, DEFAULT, GIVEN, OFF, ON, RUNS, THERE, WAITS, WRONG, status_color
from tests.bridge.osc.test_stage import with_takes
from tests.support.osc import Surface, play


@pytest.mark.parametrize(
    ("path", "value", "words", "color"),
    [
        ("variance", 0.255, "26 %", GIVEN), ("duration", 12.5, "12.5 s", GIVEN), ("tempo", 124.0, "124 bpm", GIVEN),
        ("guidance_scale", 7.25, "7.25", GIVEN), ("erg_tag", 0, "off", OFF), ("scheduler", "heun", "heun", GIVEN),
        ("number_of_steps", 60, "60", GIVEN), ("take/hold", 1, "on", ON), ("repeat/bars", 8, "8", GIVEN),
        ("take/quantize", "bar", "bar", GIVEN), ("tags", "house", "house", GIVEN),
    ],
)  # fmt: skip
def test_a_controls_text_and_colour(tmp_path, path, value, words, color):
    """Before it is given and after that; also to the hand that moves it, which does not get the value back."""

    async def scenario(controller, surface, daemon):
        surface.heard.clear()
        surface.send(f"/acestep/{path}", value)
        assert await surface.wait(f"/acestep/{path}/words", words.replace(" %", "%"))
        surface.send("/acestep/get", f"{path}/color")
        assert await surface.wait(f"/acestep/{path}/color", color)

    play(scenario, tmp_path)


def test_everything_has_a_look_from_the_start_and_takes_show_which_counts(tmp_path):
    async def scenario(controller, surface, daemon):
        surface.send("/acestep/get", "{seed,variance,region/bars,erg_tag}/{words,color}")
        for path, text in (
            ("variance/words", "50%"), ("variance/color", DEFAULT), ("seed/color", DEFAULT), ("erg_tag/words", "on"),
        ):  # fmt: skip
            surface.send("/acestep/get", path)
            await surface.wait(f"/acestep/{path}", text)
        await with_takes(surface, daemon, tmp_path, 2)
        phone = Surface(controller.port)
        phone.send("/acestep/sync")
        looks = {}
        for path in ("take/0/color", "take/1/color", "take/2/color", "take/3/color", "progress/words", "status/color"):
            phone.send("/acestep/get", path)
            looks[path] = (await phone.wait(f"/acestep/{path}"))[0]
        assert list(looks.values()) == [OFF, THERE, COUNTS, OFF, "100%", DEFAULT]

    play(scenario, tmp_path)


@pytest.mark.parametrize(
    ("words", "color"),
    [("ready", DEFAULT), ("inpaint: queued, 2 before it", WAITS), ("inpaint: denoise 9 of 27", RUNS),
     ("inpaint: done", DEFAULT), ("inpaint: failed: no memory", WRONG), ("no daemon: restarting it", WRONG),
     ("inpaint: cancelling", WAITS), ("inpaint: cancelled", DEFAULT)],
)  # fmt: skip
def test_the_colour_of_the_status(words, color):
    assert status_color(words) == color


def test_every_control_has_both_and_every_lamp_a_colour():
    table = address_table()
    for path, address in table.items():
        if address.kind is Kind.CONTROL:
            assert {f"{path}/words", f"{path}/color"} <= table.keys()
        elif path.endswith("/lamp"):
            assert f"{path.removesuffix('/lamp')}/color" in table
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in (ON, OFF, GIVEN, DEFAULT, THERE, COUNTS, WRONG))
