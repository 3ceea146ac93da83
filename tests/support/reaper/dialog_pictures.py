"""Pictures of every dialog for docs/reaper.md, drawn from what the scripts send to REAPER: they cannot go stale.

`python -m tests.support.reaper.dialog_pictures` writes docs/img/dialogs/*.svg; `test_dialog_pictures.py` compares
the captions that are in them with those that the scripts send today.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.support.paths import DOCS

FOLDER = DOCS / "img" / "dialogs"
SHOWN = {  # the picture's name: the action that opens the dialog
    "first-run": "Regenerate time selection as new take",
    "regenerate": "Regenerate time selection as new take (dialog)",
    "remix": "Remix selected items",
    "lyrics": "Edit lyrics of selected take",
    "prompt": "Generate at time selection from a prompt",
    "add-instrument": "Add instrument to time selection",
    "extract-instrument": "Extract instrument from item",
    "complete": "Complete selection",
    "settings": "Settings",
    "jobs": "Jobs - show",
    "setup": "Setup",
    "start-daemon": "Regenerate time selection as new take",
}
OPTIONS = ("extrawidth", "separator")
ROW, LEFT, TOP, FIELD = 26, 14, 40, 250
LETTER = 6.6  # pixels a letter, about


@dataclass(frozen=True)
class Dialog:
    """A dialog as a script asked for it: fields for texts, or lines of a message."""

    title: str
    captions: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    message: tuple[str, ...] = ()

    @property
    def buttons(self) -> tuple[str, ...]:
        """From the right."""
        if self.message:
            return ("No", "Yes") if self.message[-1].endswith("?") else ("OK",)
        return ("OK", "Cancel")

    @property
    def facts(self) -> dict[str, object]:
        """What must not change unseen. A message's words depend on the machine."""
        return {"title": self.title, "captions": list(self.captions)}


def dialogs_of(studio) -> dict[str, Dialog]:
    """Every dialog, opened by its action in the C host over the fake REAPER; each is cancelled."""
    found = {}
    for name, action in SHOWN.items():
        if name == "start-daemon":
            (studio.home / "connection.json").unlink(missing_ok=True)
            studio.save_tags(start_daemon="no")
        elif name != "first-run":
            studio.save_tags()
        studio.fake.dialogs.clear()
        studio.fake.answers = [None] * 3
        studio.action(action)
        for kind, text in studio.fake.dialogs[:1]:
            found[name] = read(kind, text)
    return found


def read(kind: str, text: str) -> Dialog:
    """A dialog as the fake REAPER has noted it."""
    what, _, title = kind.partition(" ")
    if what != "GetUserInputs":
        return Dialog(title, message=tuple(tidy(text).splitlines()))
    captions, _, values = text.partition("\n")
    labels = [word for word in captions.split(",") if word.partition("=")[0] not in OPTIONS]
    mark = next((w.partition("=")[2] for w in captions.split(",") if w.startswith("separator=")), ",")
    return Dialog(title, tuple(labels), tuple(values.split(mark)))


def tidy(text: str) -> str:
    """Without the folders of the machine that drew it."""
    return re.sub(r"/\S*?(björn 音|home|tmp)[^\n]*?(?=\.acestep|/home|\n|$)", "~/", text)


def svg(dialog: Dialog) -> str:
    """The dialog as REAPER lays it out, roughly: captions left, fields right, buttons below."""
    lines = dialog.message or dialog.captions
    letters = max([len(line) for line in lines] or [20])
    label = letters * LETTER + LEFT
    width = round(label + (0 if dialog.message else FIELD + LEFT) + LEFT)
    width = max(width, 260, round(len(dialog.title) * LETTER) + 60)
    height = TOP + ROW * len(lines) + 52
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f"<desc>{escape(json.dumps(dialog.facts, ensure_ascii=False))}</desc>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#f2f2f2" stroke="#999"/>',
        f'<path d="M0 28V6a6 6 0 0 1 6-6h{width - 12}a6 6 0 0 1 6 6v22z" fill="#d9d9d9" stroke="#999"/>',
        f'<text x="{width / 2}" y="19" text-anchor="middle" font-weight="bold">{escape(dialog.title)}</text>',
    ]
    for row, line in enumerate(lines):
        y = TOP + ROW * row
        parts.append(f'<text x="{LEFT}" y="{y + 16}" fill="#222">{escape(line)}</text>')
        if not dialog.message:
            value = dialog.values[row] if row < len(dialog.values) else ""
            parts.append(_field(width - FIELD - LEFT, y, value))
    for place, text in enumerate(dialog.buttons):
        parts.append(_button(width - 96 - 92 * place, height - 36, text))
    return "\n".join([*parts, "</svg>", ""])


def _field(x: float, y: float, value: str) -> str:
    box = f'<rect x="{x}" y="{y}" width="{FIELD}" height="22" fill="#fff" stroke="#bbb"/>'
    return f'{box}<text x="{x + 6}" y="{y + 16}" fill="#222">{escape(value)}</text>'


def _button(x: float, y: float, text: str) -> str:
    box = f'<rect x="{x}" y="{y}" width="82" height="24" rx="4" fill="#fff" stroke="#999"/>'
    return f'{box}<text x="{x + 41}" y="{y + 17}" text-anchor="middle" fill="#222">{text}</text>'


def facts_in(path: Path) -> dict[str, object]:
    """What a picture says that the dialog was."""
    found = re.search(r"<desc>(.*?)</desc>", path.read_text(encoding="utf-8"), re.S)
    assert found is not None, path
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    facts: dict[str, object] = json.loads(text)
    return facts


def main() -> int:
    """Draw them all."""
    from tests.support.reaper.studio import Studio

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "björn 音"
        place.mkdir()
        studio = Studio(place)
        studio.daemon.start()
        try:
            prepare(studio)
            dialogs = dialogs_of(studio)
        finally:
            studio.daemon.stop()
            studio.host.end()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    for name, dialog in dialogs.items():
        (FOLDER / f"{name}.svg").write_text(svg(dialog), encoding="utf-8")
        print(f"{name}: {dialog.title}")
    return 0 if len(dialogs) == len(SHOWN) else 1


def prepare(studio) -> None:
    """An item under a time selection, so that every action has a target."""
    studio.daemon.hold = True
    install = {"version": 1, "daemon_command": [sys.executable, "-m", "bridge.daemon"]}
    (studio.home / "install.json").write_text(json.dumps(install), encoding="utf-8")
    studio.song(seconds=6.0).selected = True
    studio.select(2.0, 4.0)


if __name__ == "__main__":
    sys.exit(main())
