"""What the layouts show: pages of widgets on a grid. Knows addresses, and neither TouchOSC nor Open Stage Control."""

from __future__ import annotations

from dataclasses import dataclass, field

ROOT = "/acestep/"
PORT = 9727  # where TouchOSC asks for feedback
GREEN, AMBER, BLUE, VIOLET, RED = "#16a34a", "#d97706", "#2563eb", "#7c3aed", "#dc2626"
TEAL, SLATE, PANEL, BACK = "#0d9488", "#475569", "#1a2338", "#0b1020"
WHITE, DIM, ALARM = "#ffffff", "#94a3b8", "#fca5a5"
GAP = 6  # pixels between widgets
GUIDANCE = "how much the words count"


@dataclass(frozen=True)
class Widget:
    """One control at a place of the grid (left, top, width, height).

    kind: button, toggle, fader, meter, lamp (stands still without a link), light (lit while something is on), text (to
    type in), label (shows what comes) or caption (fixed words).
    `constants` are what a button sends, or what a fader reaches from and to.
    """

    kind: str
    path: str
    place: tuple[float, float, float, float]
    words: str = ""
    color: str = SLATE
    tags: str = ""
    constants: tuple[int | float | str, ...] = ()
    size: int = 16
    align: str = "center"
    text_color: str = WHITE
    color_path: str = ""  # where the text's colour is told

    @property
    def words_path(self) -> str:
        """Where a fader's value is told as text."""
        return f"{self.path}/words" if self.kind == "fader" else ""


@dataclass(frozen=True)
class Page:
    """A screen of the layout."""

    name: str
    widgets: list[Widget]


@dataclass(frozen=True)
class Board:
    """A layout: its size in pixels and its grid."""

    name: str
    size: tuple[int, int]
    grid: tuple[int, float]  # columns, rows
    pages: list[Page] = field(default_factory=list)


Place = tuple[float, float, float, float]


def button(path: str, words: str, place: Place, color: str = SLATE, *constants: int | str, size: int = 18) -> Widget:
    tags = "".join("s" if isinstance(c, str) else "i" for c in constants)
    return Widget("button", path, place, words, color, tags, constants, size)


def label(
    path: str,
    place: Place,
    size: int,
    tags: str = "s",
    align: str = "center",
    color: str = WHITE,
    color_path: str = "",
) -> Widget:
    return Widget("label", path, place, "", PANEL, tags, (), size, align, color, color_path)


def fader(path: str, words: str, place: Place, color: str, low: float = 0.0, high: float = 1.0) -> Widget:
    return Widget("fader", path, place, words, color, "f", (low, high), 16)


def text(path: str, words: str, place: Place, tags: str = "s") -> Widget:
    return Widget("text", path, place, words, PANEL, tags, (), 16, "left")


def toggle(path: str, words: str, place: Place, color: str) -> Widget:
    return Widget("toggle", path, place, words, color, "i", (), 16)


LIGHT = 0.16  # of a button's height


def lit(
    path: str, lamp: str, words: str, place: Place, color: str, *constants: int | str, size: int = 16
) -> list[Widget]:
    """A button with a light above it, which is lit while what it asks for is on."""
    left, top, width, height = place
    return [
        Widget("light", lamp, (left, top, width, height * LIGHT), color=AMBER, tags="i"),
        button(path, words, (left, top + height * LIGHT, width, height * (1 - LIGHT)), color, *constants, size=size),
    ]


def _lit_row(
    place: Place, widgets: list[tuple[str, str, str, str, tuple[int | str, ...]]], size: int = 16
) -> list[Widget]:
    """Lit buttons of equal width: path, lamp, words, color and what each sends."""
    left, top, width, height = place
    each = width / len(widgets)
    found = []
    for n, (path, lamp, words, color, constants) in enumerate(widgets):
        found += lit(path, lamp, words, (left + n * each, top, each, height), color, *constants, size=size)
    return found


def _row(place: Place, widgets: list[tuple[str, str, str, tuple[int | str, ...]]], size: int = 16) -> list[Widget]:
    """Buttons of equal width: path, words, color and what each sends."""
    left, top, width, height = place
    each = width / len(widgets)
    return [
        button(path, words, (left + n * each, top, each, height), color, *constants, size=size)
        for n, (path, words, color, constants) in enumerate(widgets)
    ]


def _state(place: Place, scale: float) -> list[Widget]:
    """Status, progress, time left, take and seed: what is seen from two metres away. A third of the height each."""
    left, top, width, height = place
    row, lamp = height / 4, width / 16
    return [
        Widget("lamp", "alive", (left, top, lamp, row * 1.25), color=TEAL, tags="i"),
        label(
            "status",
            (left + lamp, top, width - lamp, row * 1.25),
            round(26 * scale),
            align="left",
            color_path="status/color",
        ),
        Widget("meter", "progress", (left, top + row * 1.25, width, row * 0.9), color=GREEN, tags="f"),
        label("take/words", (left, top + row * 2.15, width * 0.31, row * 1.1), round(22 * scale)),
        label("seed/words", (left + width * 0.31, top + row * 2.15, width * 0.31, row * 1.1), round(15 * scale)),
        label("repeat/words", (left + width * 0.62, top + row * 2.15, width * 0.17, row * 1.1), round(14 * scale)),
        label("remaining/words", (left + width * 0.79, top + row * 2.15, width * 0.21, row * 1.1), round(18 * scale)),
        label("error/words", (left, top + row * 3.25, width, row * 0.75), round(13 * scale), color=ALARM),
    ]


def _go(place: Place) -> list[Widget]:
    """What makes music: the part again in the middle, the others below, and how long NEW and LONGER are."""
    left, top, width, height = place
    row = height / 4
    others = [("retake", "VARY", AMBER, ()), ("text_to_audio", "NEW", BLUE, ()),
              ("audio_to_audio", "REMIX", VIOLET, ()), ("outpaint", "LONGER", TEAL, ())]  # fmt: skip
    return [
        button("inpaint", "REDO PART", (left, top, width * 0.62, row * 1.9), GREEN, size=30),
        button("cancel", "STOP", (left + width * 0.62, top, width * 0.22, row * 1.9), RED, size=20),
        button("cancel/all", "ALL", (left + width * 0.84, top, width * 0.16, row * 1.9), RED, size=16),
        *_row((left, top + row * 1.9, width, row * 1.1), others, 16),
        fader("duration", "seconds of NEW", (left, top + row * 3, width / 2, row), BLUE, 5.0, 240.0),
        fader(
            "extend_after_duration",
            "seconds LONGER",
            (left + width / 2, top + row * 3, width / 2, row),
            TEAL,
            1.0,
            60.0,
        ),
    ]


def _takes(place: Place) -> list[Widget]:
    left, top, width, height = place
    big = height * 0.6
    small = [
        ("take/reject", "DROP", RED, ()),
        ("seed/lock", "LOCK SEED", AMBER, ()),
        ("take/commit", "KEEP", GREEN, ()),
    ]
    found = _row((left, top + big, width, height - big), small)
    locked = found[1]
    found[1] = toggle(locked.path, locked.words, locked.place, AMBER)
    return [
        button("take/previous", "◀", (left, top, width * 0.35, big), SLATE, size=30),
        *lit("take/original", "take/0/lamp", "ORIGINAL", (left + width * 0.35, top, width * 0.3, big), BLUE, size=16),
        button("take/next", "▶", (left + width * 0.65, top, width * 0.35, big), SLATE, size=30),
        *found,
    ]


def _faders(place: Place, more: bool) -> list[Widget]:
    left, top, width, height = place
    wanted = [
        ("variance", "how far from what is there", BLUE, 0.0, 1.0),
        ("strength", "how much of it stays", VIOLET, 0.0, 1.0),
    ]
    wanted += [("guidance_scale", GUIDANCE, TEAL, 0.0, 30.0)] if more else []
    each = height / len(wanted)
    return [
        fader(path, words, (left, top + n * each, width, each), color, low, high)
        for n, (path, words, color, low, high) in enumerate(wanted)
    ]


def _words(place: Place) -> list[Widget]:
    left, top, width, height = place
    third = height / 3
    return [
        text("tags", "style and instruments", (left, top, width, third)),
        text("original_tags", "the same of the source, for REMIX", (left, top + third, width, third)),
        text("lyrics", "words to sing", (left, top + third * 2, width, third)),
    ]


def _region(place: Place) -> list[Widget]:
    """Eight blocks of four bars, or the DAW's loop range."""
    left, top, width, height = place
    row = height / 3
    bars = [
        ("region/bars", f"region/bars/{first}/lamp", f"{first}-{first + 3}", SLATE, (first, 4))
        for first in range(1, 33, 4)
    ]
    return [
        label("region/words", (left, top, width * 0.68, row), 18),
        toggle("region/loop", "DAW LOOP", (left + width * 0.68, top, width * 0.32, row), TEAL),
        *_lit_row((left, top + row, width, row), bars[:4]),
        *_lit_row((left, top + row * 2, width, row), bars[4:]),
    ]


def _again(place: Place) -> list[Widget]:
    """Repetition each so many bars, and four presets."""
    left, top, width, height = place
    row = height / 3
    repeat = [
        ("repeat/bars", f"repeat/{n}/lamp", words, TEAL, (n,))
        for n, words in ((0, "ONCE"), (4, "EACH 4"), (8, "EACH 8"), (16, "EACH 16"))
    ]
    recall = [("preset/recall", f"preset/{name}/lamp", name, BLUE, (name,)) for name in "ABCD"]
    save = [("preset/save", f"save {name}", PANEL, (name,)) for name in "ABCD"]
    return [
        *_lit_row((left, top, width, row), repeat),
        *_lit_row((left, top + row, width, row * 1.15), recall, 22),
        *_row((left, top + row * 2.15, width, row * 0.85), save, 13),
    ]


def _seed(place: Place) -> list[Widget]:
    left, top, width, height = place
    return [
        text("seed", "seed (-1: new)", (left, top, width * 0.5, height), "i"),
        button("register", "CONNECT", (left + width * 0.5, top, width * 0.25, height), SLATE, PORT, size=14),
        button("sync", "SYNC", (left + width * 0.75, top, width * 0.25, height), SLATE, size=14),
    ]


def _chosen(place: Place, what: str, columns: int) -> list[Widget]:
    """Takes or sources by number: a button with a light, the name beside it."""
    left, top, width, height = place
    each, row = width / columns, height / (8 // columns)
    wide = each * 0.3
    found = []
    for n in range(8):
        at, line = left + (n % columns) * each, top + (n // columns) * row
        lamp = f"{what}/{n + 1}/lamp"
        found += lit(f"{what}/select", lamp, str(n + 1), (at, line, wide, row), BLUE, n + 1, size=20)
        name, color = f"{what}/{n + 1}/name", f"{what}/{n + 1}/color"
        found.append(label(name, (at + wide, line, each - wide, row), 14, align="left", color_path=color))
    return found


def _grid(place: Place) -> list[Widget]:
    """When another take counts, by whose beat, and which beat it is."""
    left, top, width, height = place
    row = height * 0.46
    when = [
        ("take/quantize", f"take/quantize/{name.split()[0]}/lamp", words, TEAL, (name,))
        for name, words in (("off", "AT ONCE"), ("beat", "BEAT"), ("bar", "BAR"), ("4 bars", "4 BARS"))
    ]
    return [
        label("beat", (left, top, width * 0.1, row), 24, "i"),
        label("clock/words", (left + width * 0.1, top, width * 0.4, row), 13),
        button("tempo/tap", "TAP", (left + width * 0.5, top, width * 0.25, row), SLATE),
        toggle("clock/link", "LINK", (left + width * 0.75, top, width * 0.25, row), TEAL),
        *_lit_row((left, top + row, width, height - row), when),
    ]


def _lists(place: Place, columns: int) -> list[Widget]:
    """The page of takes and sources: the grid, then a bar and eight to choose from for each."""
    left, top, width, height = place
    bar, grid, list_height = height * 0.07, height * 0.152, height * 0.31
    takes, sources = top + grid, top + grid + bar + list_height
    half, quarter = width / 2, width / 4
    path = "source: a file's whole path on the daemon's machine"
    return [
        *_grid((left, top, width, grid)),
        label("take/words", (left, takes, quarter * 0.8, bar), 14),
        label("take/pending/words", (left + quarter * 0.8, takes, quarter * 1.2, bar), 11),
        toggle("take/hold", "HOLD", (left + half, takes, quarter, bar), AMBER),
        button("undo", "UNDO", (left + half + quarter, takes, quarter, bar), SLATE),
        *_chosen((left, takes + bar, width, list_height), "take", columns),
        label("source/words", (left, sources, half, bar), 18),
        button("again", "AGAIN", (left + half, sources, quarter, bar), GREEN),
        button("panic", "PANIC", (left + half + quarter, sources, quarter, bar), RED),
        *_chosen((left, sources + bar, width, list_height), "source", columns),
        text("source", path, (left, sources + bar + list_height, width, height - grid - 2 * (bar + list_height))),
    ]


def boards() -> list[Board]:
    """The phone, upright with three pages, and the tablet, on its side with two."""
    play = [*_state((0, 0, 12, 5.3), 0.8), *_faders((0, 5.4, 12, 3.5), False), *_go((0, 9, 12, 5.6)),
            *_takes((0, 14.8, 12, 5.2))]  # fmt: skip
    sound = [*_words((0, 0, 12, 5.4)), *_region((0, 5.6, 12, 5)), *_again((0, 10.8, 12, 5)),
             fader("guidance_scale", GUIDANCE, (0, 16, 12, 1.9), TEAL, 0.0, 30.0),
             *_seed((0, 18.1, 12, 1.9))]  # fmt: skip
    tablet = [*_state((0, 0, 24, 5.2), 1.25), *_words((0, 5.4, 8, 4)), *_region((0, 9.6, 8, 4.4)),
              *_seed((0, 14.2, 8, 1.8)), *_faders((8.2, 5.4, 7.6, 6), True), *_again((8.2, 11.6, 7.6, 4.4)),
              *_go((16, 5.4, 8, 6)), *_takes((16, 11.6, 8, 4.4))]  # fmt: skip
    return [
        Board(
            "phone",
            (390, 760),
            (12, 20),
            [Page("PLAY", play), Page("SOUND", sound), Page("TAKES", _lists((0, 0, 12, 20), 2))],
        ),
        Board("tablet", (1180, 760), (24, 16), [Page("PLAY", tablet), Page("TAKES", _lists((0, 0, 24, 16), 4))]),
    ]
