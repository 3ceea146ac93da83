"""A picture of the panel for docs/reaper.md, drawn from the widgets that its Lua asks ReaImGui for: it cannot go stale.

`python -m tests.support.reaper.panel_picture` writes docs/img/panel.svg; `test_panel_picture.py` compares the widgets
that are in it with those of today. Needs lua5.4 and a C compiler.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.support.paths import DOCS
from tests.support.reaper.dialog_pictures import facts_in
from tests.support.reaper.panel_window import Panel, Window, wait_for
from tests.support.reaper.pressing import TAKE, run
from tests.support.reaper.studio import Studio

PICTURE = DOCS / "img" / "panel.svg"
PRESETS = ("1 Warm pad", "2 Hard kick", "Strings")
WIDTH, PAD, ROW, LETTER, TITLE = 400, 10, 26, 6.4, 24
LABELLED = ("input", "number", "combo")
GROUND, FIELD, BUTTON, TEXT, BAR, GREY = "#2b2b2b", "#1f2f45", "#3b5f8f", "#e6e6e6", "#c08a2d", "#8c8c8c"


def scene(studio: Studio, panel: Panel) -> Window:
    """Two takes of an item, a job at work, presets, a surface that drives REAPER."""
    (studio.home / "presets").mkdir(exist_ok=True)
    for name in PRESETS:
        (studio.home / "presets" / f"{name}.json").write_text(json.dumps({"tags": name}), "utf-8")
    studio.save_tags(tags="house, 124 bpm, drums", snap_to_bars="no", context_seconds="2")
    studio.song(seconds=12.0).selected = True
    studio.select(4.0, 6.0)
    for _ in range(2):
        run(studio, TAKE)
    studio.daemon.hold = True
    studio.daemon.controls.update(reaper=1, guidance_scale=12.0, variations=2)
    panel.load()
    wait_for(panel, studio.host, lambda w: "The control surface sets" in w.texts())
    panel.frame("New take")
    wait_for(panel, studio.host, lambda w: any("denoise" in text for text in w.texts()))
    return wait_for(panel, studio.host, lambda w: any(text.startswith("3/3") for text in w.texts()))


def facts(window: Window) -> dict[str, Any]:
    """What must not change unseen: the widgets in their order; jobs and messages come and go."""
    kept = [w for w in window.widgets if w["kind"] not in ("text", "line", "progress")]
    return {"title": window.title, "widgets": [[w["kind"], w.get("label") or w.get("text")] for w in kept]}


def svg(window: Window) -> str:
    """The window as ReaImGui lays it out, roughly."""
    body, x, y, height = [], float(PAD), float(TITLE + 8), 0.0
    for widget in window.widgets:
        if not widget["same_line"]:
            x, y = float(PAD), y + height
        drawn, width, height = _draw(widget, x, y)
        body.append(drawn)
        x += width + 6
    total = round(y + height + PAD)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{total}" viewBox="0 0 {WIDTH} {total}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f"<desc>{escape(json.dumps(facts(window), ensure_ascii=False))}</desc>",
        f'<rect width="{WIDTH}" height="{total}" rx="5" fill="{GROUND}"/>',
        f'<rect width="{WIDTH}" height="{TITLE}" rx="5" fill="#3a3a3a"/>',
        _text(PAD, 0, window.title),
        _text(WIDTH - 20, 0, "×"),
    ]
    return "\n".join([*head, *body, "</svg>", ""])


def _draw(widget: dict[str, Any], x: float, y: float) -> tuple[str, float, float]:
    """(SVG, width, height) of a widget at a place."""
    kind, label = widget["kind"], str(widget.get("label") or "").partition("##")[0]
    wide = WIDTH - PAD - x
    if kind == "line":
        return f'<path d="M{x} {y + 5}H{WIDTH - PAD}" stroke="#555"/>', wide, 11
    if kind == "heading":
        text = str(widget["text"])
        line = f'<path d="M{x + 12 + len(text) * LETTER} {y + 12}H{WIDTH - PAD}" stroke="#555"/>'
        return _text(x, y, text) + line, wide, ROW
    if kind == "text":
        return _lines(widget, x, y)
    if kind == "button":
        width = len(label) * LETTER + 18
        fill = "#3a3a3a" if widget["disabled"] else BUTTON
        return _box(x, y, width, fill) + _text(x + 9, y, label, GREY if widget["disabled"] else TEXT), width, ROW
    if kind == "checkbox":
        mark = _text(x + 5, y, "✓") if widget["value"] else ""
        return _box(x, y, 21, FIELD) + mark + _text(x + 27, y, label), 27 + len(label) * LETTER, ROW
    if kind == "progress":
        done = _box(x, y, max(2.0, wide * widget["value"]), BAR)
        return _box(x, y, wide, FIELD) + done + _text(x + 8, y, str(widget["text"])), wide, ROW
    assert kind in LABELLED, kind
    return _field(widget, label, x, y, wide)


def _field(widget: dict[str, Any], label: str, x: float, y: float, wide: float) -> tuple[str, float, float]:
    width = widget.get("width") or wide
    width = wide if width < 0 else float(width)
    value, hint = str(widget["value"]), str(widget.get("hint") or "")
    shown = _text(x + 6, y, value or hint, TEXT if value else GREY)
    arrow = _text(x + width - 16, y, "▾") if widget["kind"] == "combo" else ""
    steps = _text(x + width - 30, y, "−  +") if widget["kind"] == "number" else ""
    named = _text(x + width + 6, y, label) if label else ""
    tall = float(widget.get("height") or 22)
    return _box(x, y, width, FIELD, tall) + shown + arrow + steps + named, width + len(label) * LETTER + 6, tall + 4


def _lines(widget: dict[str, Any], x: float, y: float) -> tuple[str, float, float]:
    """Text, in several lines where it is long."""
    letters, lines = int((WIDTH - PAD - x) / LETTER), [""]
    for word in str(widget["text"]).split(" "):
        if len(lines[-1]) + len(word) > letters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    colour = f"#{widget['colour'] >> 8:06x}" if widget.get("colour") else TEXT
    drawn = "".join(_text(x, y + 16 * row, line, colour) for row, line in enumerate(lines))
    return drawn, max(map(len, lines)) * LETTER, 6 + 16 * len(lines)


def _box(x: float, y: float, width: float, fill: str, height: float = 22) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" fill="{fill}"/>'


def _text(x: float, y: float, text: str, colour: str = TEXT) -> str:
    return f'<text x="{x:g}" y="{y + 16:g}" fill="{colour}">{escape(text)}</text>'


def main() -> int:
    """Draw it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "björn 音"
        place.mkdir()
        studio = Studio(place)
        studio.daemon.start()
        panel = Panel(studio.fake, studio.folder / "scripts")
        try:
            PICTURE.write_text(svg(scene(studio, panel)), encoding="utf-8")
        finally:
            panel.end()
            studio.daemon.stop()
            studio.host.end()
    print(f"{PICTURE.name}: {len(facts_in(PICTURE)['widgets'])} widgets")  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(main())
