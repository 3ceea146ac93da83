"""A board as a TouchOSC document. Needs py2tosc, at development time only."""

from __future__ import annotations

import re
from typing import Any

import py2tosc
from board import BACK, GAP, ROOT, Board, Widget
from py2tosc import ui

TAB_HEIGHT = 44
KINDS = {"i": "INTEGER", "f": "FLOAT", "s": "STRING"}
BRIGHT, FAINT = (1.0, 1.0, 1.0, 1.0), (0.58, 0.64, 0.72, 1.0)
RELATIVE = 1  # a fader moves from where it is, not to the finger


def picture(board: Board, page: int, samples: dict[str, str | float]) -> str:
    """A page as SVG, as py2tosc draws it, with what it shows during a show, on TouchOSC's black."""
    width, height = board.size
    root = py2tosc.group(name="acestep", frame=(0, 0, width, height), color=BACK)
    for control in _controls(board, page, height):
        for message in control.messages:
            path = "".join(part.value for part in message.path)
            if path in samples:
                control.values = [py2tosc.Value(v.key, default=samples[path]) if v.key in ("x", "text") else v
                                  for v in control.values]  # fmt: skip
        root.children.append(control)
    drawn = py2tosc.to_svg(py2tosc.Document(root))
    drawn = re.sub(r'(data-name="[^"]*_caption"[^>]*>)\s*<rect[^>]*/>', r"\1", drawn)  # labels without a background
    return drawn.replace("</style>", '</style>\n  <rect width="100%" height="100%" fill="#000"/>', 1)


def document(board: Board) -> Any:
    """The document; several pages lie in a pager."""
    root = py2tosc.group(name="acestep", frame=(0, 0, *board.size), color=BACK)
    if len(board.pages) == 1:
        root.children.extend(_controls(board, 0, board.size[1]))
        return py2tosc.Document(root)
    inner = board.size[1] - TAB_HEIGHT
    pages = []
    for number, page in enumerate(board.pages):
        group = py2tosc.group(name=page.name, frame=(0, TAB_HEIGHT, board.size[0], inner), color=BACK)
        group.children.extend(_controls(board, number, inner))
        pages.append(group)
    pager = ui.pager(*pages, name="pages", frame=(0, 0, *board.size), color=BACK)
    pager.set("tabbarSize", TAB_HEIGHT)
    pager.set("textSizeOn", 18)
    pager.set("textSizeOff", 18)
    root.children.append(ui.resolve(pager, (0, 0, *board.size)))
    return py2tosc.Document(root)


def _controls(board: Board, page: int, height: int) -> list[Any]:
    found = []
    for number, widget in enumerate(board.pages[page].widgets):
        name = f"{widget.path.replace('/', '_')}_{page}_{number}"
        found += _control(name, widget, _frame(board, widget, height))
    return found


def _frame(board: Board, widget: Widget, height: int) -> tuple[int, int, int, int]:
    columns, rows = board.grid
    left, top, wide, high = widget.place
    unit, line = board.size[0] / columns, height / rows
    place = (left * unit + GAP / 2, top * line + GAP / 2, wide * unit - GAP, high * line - GAP)
    return tuple(round(n) for n in place)  # type: ignore[return-value]


def _control(name: str, widget: Widget, frame: tuple[int, int, int, int]) -> list[Any]:
    makers = {"button": py2tosc.button, "toggle": py2tosc.button, "lamp": py2tosc.button, "light": py2tosc.button,
              "fader": py2tosc.fader, "meter": py2tosc.fader, "text": py2tosc.text, "label": py2tosc.label}  # fmt: skip
    control = makers[widget.kind](name=name, frame=frame, color=widget.color)
    control.set("cornerRadius", 8.0)
    control.messages.append(_message(widget))
    if widget.kind in ("fader", "meter"):
        control.set("orientation", 1)
        control.set("grid", False)
        control.set("response", RELATIVE)
        control.set("interactive", widget.kind == "fader")
        control.set("cursor", widget.kind == "fader")
    if widget.kind in ("toggle", "lamp", "light"):
        control.set("buttonType", 1)
        control.set("interactive", widget.kind == "toggle")
    if widget.kind in ("text", "label"):
        control.set("interactive", widget.kind == "text")
        control.set("outline", False)
        control.set("textSize", widget.size)
        control.set("textColor", widget.text_color)
        control.set("textAlignH", 1 if widget.align == "left" else 2)
    return [control, *_words(name, widget, frame)]


def _message(widget: Widget) -> Any:
    address = ROOT + widget.path
    if widget.kind == "button":
        arguments = [ui.const(str(value), conversion=KINDS[tag])
                     for value, tag in zip(widget.constants, widget.tags, strict=True)]  # fmt: skip
        return ui.osc(address, args=arguments, on="RISE", receive=False)
    key = "text" if widget.kind in ("text", "label") else "x"
    scale = widget.constants if widget.kind == "fader" else (0.0, 1.0)
    arguments = [ui.value(key, conversion=KINDS[tag], scale=(float(scale[0]), float(scale[1]))) for tag in widget.tags]
    return ui.osc(address, args=arguments, var=key, send=widget.kind not in ("label", "meter", "lamp", "light"))


def _words(name: str, widget: Widget, frame: tuple[int, int, int, int]) -> list[Any]:
    """A button's words over it, a fader's or a text's name small in its corner."""
    if not widget.words:
        return []
    left, top, width, height = frame
    small = widget.kind in ("text", "fader")
    place = (left + 6, top + 2, width - 12, min(height, 18)) if small else frame
    caption = py2tosc.label(name=f"{name}_caption", frame=place, background=False, interactive=False, outline=False)
    caption.set("textSize", 12 if small else widget.size)
    caption.set("textColor", FAINT if small else BRIGHT)
    caption.set("textAlignH", 1 if small else 2)
    caption.values = [py2tosc.Value("text", default=widget.words), py2tosc.Value("touch", default=False)]
    return [caption, *_value_words(name, widget, frame)]


def _value_words(name: str, widget: Widget, frame: tuple[int, int, int, int]) -> list[Any]:
    """A fader's value as text, in its lower right corner."""
    if not widget.words_path:
        return []
    left, top, width, height = frame
    place = (left + width // 2, top + height - 24, width // 2 - 8, 20)
    value = py2tosc.label(name=f"{name}_words", frame=place, background=False, interactive=False, outline=False)
    value.set("textSize", 15)
    value.set("textColor", BRIGHT)
    value.set("textAlignH", 3)
    argument = ui.value("text", conversion="STRING", scale=(0.0, 1.0))
    value.messages.append(ui.osc(ROOT + widget.words_path, args=[argument], var="text", send=False))
    return [value]
