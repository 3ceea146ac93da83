"""The layouts that we ship speak addresses of ours, with arguments that these take."""

from __future__ import annotations

import importlib.util
import json
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bridge.osc.addresses import Kind, address_table
from bridge.osc.values import checked, split_serial

FOLDER = Path(__file__).parents[2] / "docs" / "layouts"
TABLE = address_table()
NEEDED = {
    "/acestep/tags", "/acestep/lyrics", "/acestep/variance", "/acestep/strength", "/acestep/seed",
    "/acestep/region/bars", "/acestep/inpaint", "/acestep/cancel", "/acestep/progress", "/acestep/status",
    "/acestep/take/next", "/acestep/take/previous", "/acestep/take/commit", "/acestep/take/reject",
}  # fmt: skip
SAMPLES = {"i": 1, "f": 0.5, "s": "x"}


def check(path: str, arguments: list, sends: bool) -> None:
    address = TABLE[path]
    if address.kind is Kind.FEEDBACK:
        assert not sends
        return
    values, _ = split_serial(address, tuple(arguments))
    checked(address, values)


@pytest.mark.parametrize("name", ["open-stage-control.json", "open-stage-control-phone.json"])
def test_open_stage_control(name):
    session = json.loads((FOLDER / name).read_text("utf-8"))
    assert session["type"] == "session"
    widgets = session["content"]["widgets"]
    assert {widget["address"] for widget in widgets} >= NEEDED
    assert len({widget["id"] for widget in widgets}) == len(widgets)
    for widget in widgets:
        sample = [] if widget.get("on", 0) is None else [SAMPLES[tag] for tag in widget["typeTags"]]
        check(widget["address"], widget["preArgs"] + sample, not widget.get("bypass"))
        assert widget["left"] + widget["width"] <= session["content"]["width"]
        assert widget["top"] + widget["height"] <= session["content"]["height"]


@pytest.mark.parametrize("name", ["acestep-phone.tosc", "acestep-tablet.tosc"])
def test_touch_osc(name):
    tree = ElementTree.fromstring(zlib.decompress((FOLDER / name).read_bytes()))
    found = set()
    for message in tree.iter("osc"):
        path = "".join(part.findtext("value") or "" for part in message.find("path"))
        tags = {"INTEGER": "i", "FLOAT": "f", "STRING": "s"}
        kinds = [tags[part.findtext("conversion")] for part in message.find("arguments")]
        check(path, [SAMPLES[kind] for kind in kinds], message.findtext("send") == "1")
        found.add(path)
    assert found >= NEEDED


def test_the_sessions_are_what_the_script_makes():
    """The .tosc files need py2tosc to be made; the sessions of Open Stage Control do not."""
    spec = importlib.util.spec_from_file_location("make_layouts", FOLDER / "make_layouts.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["make_layouts"] = module
    spec.loader.exec_module(module)
    for name, (size, columns) in module.LAYOUTS.items():
        suffix = "" if name == "tablet" else f"-{name}"
        made = json.loads((FOLDER / f"open-stage-control{suffix}.json").read_text("utf-8"))
        assert made == json.loads(json.dumps(module.stage_control(size, columns)))
