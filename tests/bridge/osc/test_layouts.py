"""The layouts that we ship speak addresses of ours, with arguments that these take, and fit their screens."""

from __future__ import annotations

import json
import re
import zlib
from xml.etree import ElementTree

import pytest
from make_layouts import boards, session, session_file

from bridge.osc.address_space.addresses import Kind, address_table
from bridge.osc.address_space.values import checked, split_serial
from tests.support.paths import LAYOUTS

TABLE = address_table()
NEEDED = {f"/acestep/{name}" for name in (
    "tags", "lyrics", "variance", "strength", "seed", "seed/lock", "seed/words", "region/bars", "region/loop",
    "inpaint",
    "cancel", "progress", "status", "alive", "take/words", "take/next", "take/previous", "take/commit", "take/reject",
    "original_tags", "duration", "extend_after_duration", "cancel/all", "take/select", "take/1/name", "take/1/lamp",
    "source/select", "source/1/name", "source/1/lamp", "region/bars/1/lamp", "repeat/8/lamp", "preset/A/lamp",
    "take/quantize", "take/quantize/bar/lamp", "take/pending/words", "clock/link", "clock/words", "tempo/tap", "beat",
    "variance/words", "take/0/lamp", "undo", "again", "panic",
    "repeat/bars", "repeat/words", "preset/save", "preset/recall", "remaining/words", "error/words",
)}  # fmt: skip
SAMPLES = {"i": 1, "f": 0.5, "s": "x"}
# what version 1.30 of Open Stage Control knows, by widget type, of what we use
COMMON = {"type", "id", "left", "top", "width", "height", "css", "colorText", "colorWidget", "colorStroke", "colorFill",
          "alphaStroke", "alphaFillOff", "alphaFillOn", "lineWidth", "borderRadius", "padding", "value", "address",
          "preArgs", "bypass", "interaction", "onCreate", "onValue"}  # fmt: skip
OF_TYPE = {
    "button": {"label", "colorTextOn", "on", "off", "mode", "doubleTap", "typeTags", "decimals"},
    "fader": {"horizontal", "design", "range", "snap", "typeTags", "decimals", "colorKnob"},
    "input": {"align", "asYouType", "typeTags", "decimals"}, "textarea": {"typeTags", "decimals"},
    "text": {"align", "wrap"}, "led": set(),
}  # fmt: skip


def check(path: str, arguments: list, sends: bool) -> None:
    address = TABLE[path]
    if address.kind is Kind.FEEDBACK:
        assert not sends
        return
    values, _ = split_serial(address, tuple(arguments))
    checked(address, values)


def widgets_of(name: str) -> list[dict]:
    content = json.loads((LAYOUTS / name).read_text("utf-8"))["content"]
    return [*content["widgets"], *(widget for tab in content["tabs"] for widget in tab["widgets"])]


@pytest.mark.parametrize("name", ["open-stage-control.json", "open-stage-control-phone.json"])
def test_open_stage_control(name):
    widgets = [w for w in widgets_of(name) if "address" in w]
    assert {widget["address"] for widget in widgets} >= NEEDED
    assert len({widget["id"] for widget in widgets}) == len(widgets)
    for widget in widgets:
        sample = [] if widget.get("on", 0) is None else [SAMPLES[tag] for tag in widget.get("typeTags", "")]
        check(widget["address"], widget.get("preArgs", []) + sample, not widget.get("bypass"))


@pytest.mark.parametrize("name", ["open-stage-control.json", "open-stage-control-phone.json"])
def test_open_stage_control_knows_every_property(name):
    """And nothing is kept from being sent: with ignoreDefaults and no target, as once, no widget said anything."""
    for widget in widgets_of(name):
        assert set(widget) <= COMMON | OF_TYPE[widget["type"]], widget["id"]
        left, top, width, height = (float(widget[k].rstrip("%")) for k in ("left", "top", "width", "height"))
        for path in re.findall(r"OSC\{/acestep/([^,]*), #[0-9a-f]{6}, false\}", str(widget.get("colorText"))):
            assert f"/acestep/{path}" in TABLE
        assert left >= 0 and top >= 0 and left + width <= 100.01 and top + height <= 100.01


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.name)
def test_nothing_lies_over_something_else_and_thumbs_fit(board):
    columns, rows = board.grid
    for page in board.pages:
        for index, widget in enumerate(page.widgets):
            left, top, width, height = widget.place
            if widget.kind in ("button", "toggle", "fader"):
                pixels = width / columns * board.size[0], height / rows * board.size[1]
                assert min(pixels) >= 48, widget  # what phones' makers ask for
            for other in page.widgets[index + 1 :]:
                x, y, w, h = other.place
                over = (
                    left + width > x + 1e-6 and x + w > left + 1e-6 and top + height > y + 1e-6 and y + h > top + 1e-6
                )
                assert not over, (widget.path, other.path)


@pytest.mark.parametrize("name", ["acestep-phone.tosc", "acestep-tablet.tosc"])
def test_touch_osc(name):
    tree = ElementTree.fromstring(zlib.decompress((LAYOUTS / name).read_bytes()))
    assert (tree.tag, tree[0].tag, tree[0].get("type")) == ("lexml", "node", "GROUP")
    found = set()
    for message in tree.iter("osc"):
        path = "".join(part.findtext("value") or "" for part in message.find("path"))
        tags = {"INTEGER": "i", "FLOAT": "f", "STRING": "s"}
        kinds = [tags[part.findtext("conversion")] for part in message.find("arguments")]
        check(path, [SAMPLES[kind] for kind in kinds], message.findtext("send") == "1")
        found.add(path)
    assert found >= NEEDED


def test_the_touch_osc_files_are_valid_for_py2tosc():
    py2tosc = pytest.importorskip("py2tosc", reason="py2tosc (the layouts' generator) is absent")
    for name in ("phone", "tablet"):
        assert not [i for i in py2tosc.load(LAYOUTS / f"acestep-{name}.tosc").validate() if i.level == "error"]


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.name)
def test_the_sessions_are_what_the_script_makes(board):
    """The .tosc files need py2tosc to be made; the sessions of Open Stage Control do not."""
    made = json.loads(session_file(board).read_text("utf-8"))
    assert made == json.loads(json.dumps(session(board)))
