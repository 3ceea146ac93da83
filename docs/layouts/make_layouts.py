"""Writes the layouts in this folder: `python docs/layouts/make_layouts.py` (needs py2tosc, at development time only).

One description, two kinds of file: TouchOSC (.tosc, with an .svg picture) and Open Stage Control (.json), each on the
size of a phone and of a tablet. Knows widgets and addresses, nothing else of the product.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = "/acestep/"
PORT = 9727  # where the layouts ask for feedback
PHONE, TABLET = (390, 760), (1180, 760)
GAP = 6
BLUE, GREEN, RED, GREY, DARK = "#3b82f6", "#22c55e", "#ef4444", "#64748b", "#1e293b"


@dataclass(frozen=True)
class Widget:
    """One control: `kind` is button, toggle, fader, meter, text (to type in) or label (shows what comes)."""

    kind: str
    path: str
    label: str = ""
    constants: tuple[int, ...] = ()
    tags: str = ""
    color: str = BLUE
    width: float = 1.0


@dataclass(frozen=True)
class Row:
    """Widgets side by side; `height` is relative."""

    widgets: tuple[Widget, ...]
    height: float = 1.0


def button(path: str, label: str, color: str = BLUE, *constants: int) -> Widget:
    return Widget("button", path, label, constants, "i" * len(constants), color)


def label(path: str, tags: str, width: float = 1.0) -> Widget:
    return Widget("label", path, tags=tags, color=DARK, width=width)


def text(path: str, name: str, tags: str = "s", width: float = 1.0) -> Widget:
    return Widget("text", path, name, tags=tags, color=DARK, width=width)


WORDS = [Row((text("tags", "tags"),), 1.2), Row((text("lyrics", "lyrics"),), 2.0)]
STATE = [
    Row((label("status", "s", 3), label("remaining", "f")), 0.8),
    Row((Widget("meter", "progress", tags="f", color=GREEN),), 0.6),
    Row((label("error/words", "s"),), 0.6),
]
FADERS = [
    Row((Widget("fader", "variance", "variance", tags="f"),), 1.2),
    Row((Widget("fader", "strength", "strength", tags="f", color="#a855f7"),), 1.2),
    Row(
        (
            text("seed", "seed", "i"),
            label("region/words", "s", 2),
            Widget("toggle", "region/loop", "loop", (), "i", GREY),
        ),
        0.9,
    ),
]
BARS = [
    Row(
        tuple(button("region/bars", f"{first}-{first + 3}", GREY, first, 4) for first in range(begin, begin + 16, 4)),
        0.9,
    )
    for begin in (1, 17)
]
GO = [
    Row((button("inpaint", "INPAINT", GREEN), button("retake", "RETAKE"), button("text_to_audio", "NEW")), 1.5),
    Row((button("cancel", "CANCEL", RED), button("outpaint", "LONGER", GREY), button("audio_to_audio", "REMIX", GREY))),
]
TAKES = [
    Row((button("take/previous", "<"), label("take/words", "s"), button("take/next", ">"))),
    Row(
        (button("take/original", "A/B", GREY), button("take/commit", "KEEP", GREEN), button("take/reject", "DROP", RED))
    ),
]
CONNECT = [Row((button("register", "Connect", GREY, PORT), button("sync", "Sync", GREY)), 0.7)]
LAYOUTS = {
    "phone": (PHONE, [[*STATE, *WORDS, *FADERS, *BARS, *GO, *TAKES, *CONNECT]]),
    "tablet": (TABLET, [[*STATE, *WORDS, *CONNECT], [*FADERS, *BARS], [*GO, *TAKES]]),
}

Frame = tuple[int, int, int, int]


def placed(size: tuple[int, int], columns: Sequence[Sequence[Row]]) -> list[tuple[Widget, Frame]]:
    """Every widget with left, top, width and height in pixels."""
    found = []
    width = (size[0] - GAP) / len(columns)
    for number, rows in enumerate(columns):
        unit = (size[1] - GAP) / sum(row.height for row in rows)
        top = float(GAP)
        for row in rows:
            found += _placed_row(row, GAP + number * width, top, width - GAP, row.height * unit - GAP)
            top += row.height * unit
    return found


def _placed_row(row: Row, left: float, top: float, width: float, height: float) -> list[tuple[Widget, Frame]]:
    unit = (width + GAP) / sum(w.width for w in row.widgets)
    found = []
    for widget in row.widgets:
        found.append((widget, (round(left), round(top), round(widget.width * unit - GAP), round(height))))
        left += widget.width * unit
    return found


def stage_control(size: tuple[int, int], columns: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """An Open Stage Control session."""
    widgets = [_stage_widget(n, w, frame) for n, (w, frame) in enumerate(placed(size, columns))]
    root = {"type": "root", "id": "root", "width": size[0], "height": size[1], "tabs": [], "widgets": widgets}
    return {"version": "1.27.0", "createdWith": "Open Stage Control", "type": "session", "content": root}


def _stage_widget(number: int, widget: Widget, frame: Frame) -> dict[str, Any]:
    left, top, width, height = frame
    common = {
        "id": f"{widget.path}_{number}".replace("/", "_"),
        "left": left, "top": top, "width": width, "height": height,
        "label": widget.label, "address": ROOT + widget.path, "preArgs": list(widget.constants),
        "typeTags": widget.tags, "colorWidget": widget.color, "ignoreDefaults": True,
    }  # fmt: skip
    special: dict[str, dict[str, Any]] = {
        "button": {"type": "button", "mode": "tap", "on": None, "off": 0},
        "toggle": {"type": "button", "mode": "toggle", "on": 1, "off": 0},
        "fader": {"type": "fader", "horizontal": True, "range": {"min": 0, "max": 1}, "design": "compact"},
        "meter": {"type": "fader", "horizontal": True, "range": {"min": 0, "max": 1}, "design": "compact",
                  "interaction": False, "bypass": True, "label": False},
        "text": {"type": "input", "align": "left", "asYouType": False},
        "label": {"type": "text", "bypass": True, "label": False},
    }  # fmt: skip
    return common | special[widget.kind]


def touch_osc(size: tuple[int, int], columns: Sequence[Sequence[Row]]) -> Any:
    """A TouchOSC document."""
    import py2tosc

    root = py2tosc.group(name="acestep", frame=(0, 0, *size), color="#0f172a")
    for number, (widget, frame) in enumerate(placed(size, columns)):
        for control in _touch_controls(number, widget, frame):
            root.children.append(control)
    return py2tosc.Document(root)


def _touch_controls(number: int, widget: Widget, frame: Frame) -> list[Any]:
    import py2tosc

    name = f"{widget.path}_{number}".replace("/", "_")
    makers = {"button": py2tosc.button, "toggle": py2tosc.button, "fader": py2tosc.fader, "meter": py2tosc.fader,
              "text": py2tosc.text, "label": py2tosc.label}  # fmt: skip
    control = makers[widget.kind](name=name, frame=frame, color=widget.color)
    control.messages.append(_touch_message(widget))
    if widget.kind in ("fader", "meter"):
        control.set("orientation", 1)
        control.set("interactive", widget.kind == "fader")
    if widget.kind == "toggle":
        control.set("buttonType", 1)
    if widget.kind in ("text", "label"):
        control.set("textSize", 16)
        control.set("textColor", (1.0, 1.0, 1.0, 1.0))
    return [control, *_caption(name, widget, frame)]


def _touch_message(widget: Widget) -> Any:
    from py2tosc import ui

    address = ROOT + widget.path
    kinds = {"i": "INTEGER", "f": "FLOAT", "s": "STRING"}
    if widget.kind == "button":
        arguments = [ui.const(str(value), conversion="INTEGER") for value in widget.constants]
        return ui.osc(address, args=arguments, on="RISE", receive=False)
    key = "text" if widget.kind in ("text", "label") else "x"
    arguments = [ui.value(key, conversion=kinds[tag]) for tag in widget.tags]
    return ui.osc(address, args=arguments, var=key, send=widget.kind not in ("label", "meter"))


def _caption(name: str, widget: Widget, frame: Frame) -> list[Any]:
    import py2tosc

    if not widget.label:
        return []
    left, top, width, height = frame
    small = widget.kind in ("text", "fader")
    place = (left + 4, top + 2, width - 8, min(height, 18)) if small else frame
    caption = py2tosc.label(name=f"{name}_caption", frame=place, background=False, interactive=False, outline=False)
    caption.set("textSize", 12 if small else 16)
    caption.set("textColor", (1.0, 1.0, 1.0, 0.7 if small else 1.0))
    if small:
        caption.set("textAlignH", 1)
    caption.values = [py2tosc.Value("text", default=widget.label), py2tosc.Value("touch", default=False)]
    return [caption]


def main() -> None:
    import py2tosc

    for name, (size, columns) in LAYOUTS.items():
        suffix = "" if name == "tablet" else f"-{name}"
        session = json.dumps(stage_control(size, columns), indent=1) + "\n"
        (HERE / f"open-stage-control{suffix}.json").write_text(session, "utf-8")
        document = touch_osc(size, columns)
        document.save(HERE / f"acestep-{name}.tosc")
        (HERE / f"acestep-{name}.svg").write_text(py2tosc.to_svg(document), "utf-8")


if __name__ == "__main__":
    main()
