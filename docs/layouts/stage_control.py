"""A board as a session of Open Stage Control (JSON). Property names and values are those of version 1.30."""

from __future__ import annotations

from typing import Any

from board import ALARM, BACK, DIM, GAP, PANEL, ROOT, WHITE, Board, Widget

TEXT_CSS = (
    "font-size: 16rem; font-weight: bold; inner {padding-top: 12rem !important;} "
    "textarea {padding: 18rem 8rem 4rem !important; line-height: 1.35; text-align: left;}"
)
CLEAR = {"alphaFillOff": 0, "alphaStroke": 0, "lineWidth": 0}
VERSION = "1.30.3"
# each five seconds: the controller tells the port that this comes from; a controller started again learns it, too
HELLO = """
const hello = () => send('/acestep/register', {type: 'i', value: 0})
hello()
send('/acestep/sync')
setInterval('hello', hello, 5000)
""".strip()
LINK = "set('link', ''); setTimeout('link', () => set('link', 'NO LINK'), 3500)"


def session(board: Board) -> dict[str, Any]:
    """The session: as wide and high as the screen, on every device."""
    root: dict[str, Any] = {
        "type": "root", "id": "root", "width": "100%", "height": "100%", "colorBg": BACK, "padding": 0,
        "hideMenu": True, "onCreate": HELLO, "css": "font-family: sans-serif;", "widgets": [], "tabs": [],
    }  # fmt: skip
    pages = [_widgets(board, number) for number in range(len(board.pages))]
    if len(pages) == 1:
        root["widgets"] = pages[0]
    else:
        root["tabs"] = [
            {"type": "tab", "id": page.name, "label": page.name, "colorBg": BACK, "padding": 0, "scroll": False,
             "widgets": widgets, "tabs": []}
            for page, widgets in zip(board.pages, pages, strict=True)
        ]  # fmt: skip
        root["css"] += " .tablink { font-size: 18rem; font-weight: bold; }"
    return {"version": VERSION, "createdWith": "Open Stage Control", "type": "session", "content": root}


def _widgets(board: Board, page: int) -> list[dict[str, Any]]:
    found = []
    for number, widget in enumerate(board.pages[page].widgets):
        place = _place(board, widget.place)
        found.append(_widget(widget, f"{widget.path.replace('/', '_')}_{page}_{number}") | place)
        if widget.words_path:
            found.append(_value_words(widget, f"words_{page}_{number}") | place)
        if widget.kind in ("fader", "text"):
            found.append(_caption(widget, f"caption_{page}_{number}") | place)
        if widget.kind == "lamp":
            found.append(_link_words() | place)
    return found


def _place(board: Board, place: tuple[float, float, float, float]) -> dict[str, str]:
    """Percent of the screen, a gap between."""
    (columns, rows), (width, height) = board.grid, board.size
    across, down = GAP / 2 / width, GAP / 2 / height
    left, top, wide, high = place
    shares = {"left": left / columns + across, "top": top / rows + down,
              "width": wide / columns - 2 * across, "height": high / rows - 2 * down}  # fmt: skip
    return {name: f"{share * 100:.2f}%" for name, share in shares.items()}


def _widget(widget: Widget, name: str) -> dict[str, Any]:
    common: dict[str, Any] = {
        "id": name,
        "address": ROOT + widget.path,
        "css": f"font-size: {widget.size}rem; font-weight: bold;",
    }
    return common | {
        "button": _button, "toggle": _toggle, "fader": _fader, "meter": _meter, "lamp": _lamp, "light": _light,
        "text": _text, "label": _label,
    }[widget.kind](widget)  # fmt: skip


def _filled(widget: Widget) -> dict[str, Any]:
    return {
        "colorWidget": widget.color, "colorFill": widget.color, "colorText": WHITE, "colorTextOn": WHITE,
        "alphaFillOn": 1, "borderRadius": 8, "lineWidth": 1, "padding": 0, "label": widget.words,
    }  # fmt: skip


def _button(widget: Widget) -> dict[str, Any]:
    """Sends its constants and nothing else; those that lose something want two taps."""
    return _filled(widget) | {
        "type": "button", "mode": "tap", "on": None, "off": 0, "preArgs": list(widget.constants),
        "typeTags": widget.tags, "alphaFillOff": 0.6, "doubleTap": widget.path in ("take/reject", "preset/save"),
    }  # fmt: skip


def _toggle(widget: Widget) -> dict[str, Any]:
    return _filled(widget) | {
        "type": "button", "mode": "toggle", "on": 1, "off": 0, "typeTags": "i", "alphaFillOff": 0.15,
    }  # fmt: skip


def _fader(widget: Widget) -> dict[str, Any]:
    """Moved from where it is, not to the finger: no jumps on a stage."""
    low, high = widget.constants
    return {
        "type": "fader", "horizontal": True, "design": "compact", "range": {"min": low, "max": high}, "typeTags": "f",
        "decimals": 4, "colorWidget": widget.color, "colorFill": widget.color, "alphaFillOn": 0.85,
        "alphaFillOff": 0.15, "borderRadius": 8, "padding": 0, "snap": False,
    }  # fmt: skip


def _meter(widget: Widget) -> dict[str, Any]:
    return _fader(Widget("fader", widget.path, widget.place, "", widget.color, "f", (0, 1))) | {
        "interaction": False, "bypass": True, "colorKnob": "transparent",
    }  # fmt: skip


def _lamp(widget: Widget) -> dict[str, Any]:
    return {"type": "led", "colorWidget": widget.color, "bypass": True, "padding": 0, "onValue": LINK}


def _light(widget: Widget) -> dict[str, Any]:
    return {"type": "led", "colorWidget": widget.color, "bypass": True, "padding": 0}


def _link_words() -> dict[str, Any]:
    return {"type": "text", "id": "link", "bypass": True, "colorText": ALARM, "wrap": True, "value": "",
            "css": "font-size: 13rem; font-weight: bold;", **CLEAR}  # fmt: skip


def _text(widget: Widget) -> dict[str, Any]:
    """Typed texts are sent when Enter is pressed or the field is left."""
    kind = {"type": "textarea"} if widget.path == "lyrics" else {"type": "input", "align": "left", "asYouType": False}
    return kind | {
        "typeTags": widget.tags, "decimals": 0, "colorWidget": DIM, "colorFill": DIM, "colorText": WHITE,
        "alphaFillOff": 0.12, "alphaStroke": 0.3, "borderRadius": 8, "padding": 0, "css": TEXT_CSS,
    }  # fmt: skip


def _label(widget: Widget) -> dict[str, Any]:
    color = _told_color(widget.color_path, widget.text_color) if widget.color_path else widget.text_color
    return {
        "type": "text", "bypass": True, "align": widget.align, "wrap": "soft", "colorText": color,
        "colorFill": PANEL, "alphaFillOff": 1, "borderRadius": 8, "padding": 4, "lineWidth": 0,
        "css": f"font-size: {widget.size}rem; font-weight: bold;",
    }  # fmt: skip


def _caption(widget: Widget, name: str) -> dict[str, Any]:
    return {"type": "text", "id": name, "bypass": True, "interaction": False, "value": widget.words, "colorText": DIM,
            "align": "left top", "padding": 0, "css": "font-size: 12rem; pointer-events: none;", **CLEAR}  # fmt: skip


def _value_words(widget: Widget, name: str) -> dict[str, Any]:
    """A fader's value as text, at its right edge, in the colour of values that are given or not."""
    return {"type": "text", "id": name, "address": ROOT + widget.words_path, "bypass": True, "interaction": False,
            "colorText": _told_color(f"{widget.path}/color", DIM), "align": "right", "padding": 6,
            "css": "font-size: 15rem; font-weight: bold; pointer-events: none;", **CLEAR}  # fmt: skip


def _told_color(path: str, until_then: str) -> str:
    """A property that follows an address, whatever the widget itself sends before its value."""
    return f"OSC{{{ROOT}{path}, {until_then}, false}}"
