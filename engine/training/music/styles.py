"""What a style is made of: tempo, meters, drum figures, who plays and how. Tables only; knows no sound.

Drum figures are strings of sixteenths for one bar (16 for 4/4, 12 for 3/4 and 6/8): X accent, x stroke, o soft or
occasional stroke, . rest.
"""

from __future__ import annotations

from dataclasses import dataclass

INSTRUMENTS = ("drums", "bass", "pad", "pluck", "lead", "keys", "mallet", "arp", "riser")
Meter = tuple[int, int]


@dataclass(frozen=True)
class Style:
    """One style. `meters` and `parts` hold weights or chances; `figures` maps bar sixteenths to drum figures."""

    name: str
    bpm: tuple[float, float]
    meters: dict[Meter, float]
    figures: dict[str, tuple[dict[str, str], ...]]
    parts: dict[str, float]
    bass: tuple[str, ...]
    comp: tuple[str, ...]
    minor: float = 0.5
    swing: float = 0.0
    sevenths: bool = False
    brightness: float = 1.0
    drive: float = 0.0
    reverb: float = 0.2


_FOUR_FLOOR = (
    {"kick": "X...X...X...X...", "clap": "....X.......X...", "hat": "..x...x...x...x.", "shaker": "oooooooooooooooo"},
    {"kick": "X...X...X...X..o", "snare": "....X.......X...", "open": "..x...x...x...x.", "hat": "x.x.x.x.x.x.x.x."},
)
_TECHNO = (
    {"kick": "X...X...X...X...", "hat": "xxxxxxxxxxxxxxxx", "rim": "...o..x....o..x.", "open": "..x...x...x...x."},
    {"kick": "X...X...X...X...", "open": "..X...X...X...X.", "clap": "....x.......x..o", "tom": "......o..o....o."},
)
_BREAK = (
    {"kick": "X.....o...X.....", "snare": "....X..o.o..X...", "hat": "x.x.x.x.x.x.x.x."},
    {"kick": "X.X.......X..o..", "snare": "....X..o.o..X..o", "ride": "x.x.x.x.x.x.x.x."},
)
_HIPHOP = (
    {"kick": "X..o..x...X.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.xo"},
    {"kick": "X.....x.x....o..", "clap": "....X.......X...", "hat": "x.xxx.x.x.xoxxx."},
)
_ROCK = (
    {"kick": "X.....x.X.......", "snare": "....X.......X...", "hat": "X.x.X.x.X.x.X.x."},
    {"kick": "X..x....X.x.....", "snare": "....X.......X..o", "ride": "X.x.X.x.X.x.X.x."},
)
_FUNK = (
    {"kick": "X..x..x...x..x..", "snare": "....X..o.o..X..o", "hat": "xxxxxxxxxxxxxxxx"},
    {"kick": "X.x....o..x.....", "snare": "....X..o.o.oX...", "hat": "x.xxx.xxx.xxx.x."},
)
_REGGAE = (
    {"kick": "........X.......", "rim": "........X.......", "hat": "x.x.x.x.x.x.x.x."},
    {"kick": "X...X...X...X...", "rim": "........X.....o.", "hat": "x.xox.x.x.xox.x."},
)
_BOSSA = (
    {"kick": "X..xX..xX..xX..x", "rim": "X..x..x...x..x..", "shaker": "xoxoxoxoxoxoxoxo"},
    {"kick": "X..xX..xX..xX..x", "rim": "..x.x...x..x..x.", "hat": "x.x.x.x.x.x.x.x."},
)
_SOFT = (
    {"kick": "X.......X.......", "rim": "....x.......x...", "shaker": "x.x.x.x.x.x.x.x."},
    {"kick": "X.........o.....", "snare": "....o.......x...", "ride": "x...x...x...x..."},
)
_SWING = (
    {"kick": "o...o...o...o...", "ride": "X...x..xX...x..x", "hat": "....x.......x...", "snare": "..o......o......"},
    {"kick": "x.......o..o....", "ride": "X...x..xX...x..x", "rim": "....x.......x..."},
)
_WALTZ = (
    {"kick": "X...........", "snare": "....x...x...", "hat": "x.x.x.x.x.x."},
    {"kick": "X.........o.", "rim": "....x...x...", "ride": "x...x...x..."},
    {"kick": "X...........", "hat": "....x...x..."},
)
_SIX_EIGHT = (
    {"kick": "X.........o.", "snare": "......X.....", "hat": "x.x.x.x.x.x."},
    {"kick": "X...o.......", "rim": "......X.....", "shaker": "x.x.x.x.x.x."},
    {"kick": "X...........", "snare": "......X...o.", "ride": "X.x.x.X.x.x."},
)
_FOUR: Meter = (4, 4)
_THREE: Meter = (3, 4)
_SIX: Meter = (6, 8)


def _figures(four: tuple[dict[str, str], ...]) -> dict[str, tuple[dict[str, str], ...]]:
    return {"4/4": four, "3/4": _WALTZ, "6/8": _SIX_EIGHT}


STYLES: tuple[Style, ...] = (
    Style(
        "house",
        (116, 130),
        {_FOUR: 1.0},
        _figures(_FOUR_FLOOR),
        {"drums": 1.0, "bass": 0.9, "keys": 0.5, "pad": 0.5, "pluck": 0.4, "lead": 0.25, "arp": 0.15, "riser": 0.1},
        ("offbeat", "octaves", "eighths"),
        ("offbeat", "stabs"),
        minor=0.65,
        brightness=1.1,
    ),
    Style(
        "techno",
        (126, 145),
        {_FOUR: 1.0},
        _figures(_TECHNO),
        {"drums": 1.0, "bass": 0.9, "arp": 0.5, "pad": 0.3, "pluck": 0.3, "lead": 0.15, "riser": 0.2},
        ("rolling", "offbeat"),
        ("stabs",),
        minor=0.9,
        drive=0.3,
    ),
    Style(
        "trance",
        (130, 142),
        {_FOUR: 1.0},
        _figures(_FOUR_FLOOR),
        {"drums": 0.95, "bass": 0.9, "arp": 0.7, "pad": 0.8, "lead": 0.5, "pluck": 0.3, "riser": 0.2},
        ("rolling", "offbeat"),
        ("sustain", "eighths"),
        minor=0.7,
        brightness=1.3,
        reverb=0.35,
    ),
    Style(
        "drum and bass",
        (160, 180),
        {_FOUR: 1.0},
        _figures(_BREAK),
        {"drums": 1.0, "bass": 1.0, "pad": 0.6, "keys": 0.25, "lead": 0.25, "pluck": 0.2, "riser": 0.15},
        ("long", "syncopated"),
        ("sustain", "stabs"),
        minor=0.8,
        drive=0.3,
    ),
    Style(
        "hip hop",
        (76, 100),
        {_FOUR: 1.0},
        _figures(_HIPHOP),
        {"drums": 1.0, "bass": 0.95, "keys": 0.6, "pluck": 0.35, "pad": 0.3, "mallet": 0.25, "lead": 0.15},
        ("syncopated", "long"),
        ("stabs", "sustain"),
        minor=0.8,
        brightness=0.8,
    ),
    Style(
        "lo-fi",
        (66, 92),
        {_FOUR: 0.85, _THREE: 0.15},
        _figures(_HIPHOP),
        {"drums": 0.9, "bass": 0.8, "keys": 0.9, "pad": 0.3, "pluck": 0.3, "mallet": 0.3, "lead": 0.15},
        ("long", "root"),
        ("sustain", "stabs"),
        swing=0.25,
        sevenths=True,
        brightness=0.5,
    ),
    Style(
        "synthwave",
        (84, 120),
        {_FOUR: 1.0},
        _figures(_ROCK),
        {"drums": 0.95, "bass": 0.95, "pad": 0.8, "arp": 0.5, "lead": 0.5, "riser": 0.1},
        ("eighths", "rolling"),
        ("sustain",),
        minor=0.75,
        brightness=1.1,
        reverb=0.35,
    ),
    Style(
        "rock",
        (92, 164),
        {_FOUR: 0.8, _SIX: 0.2},
        _figures(_ROCK),
        {"drums": 1.0, "bass": 0.95, "pluck": 0.9, "lead": 0.4, "keys": 0.2},
        ("eighths", "root"),
        ("eighths", "strum"),
        minor=0.45,
        drive=0.8,
        brightness=1.2,
        reverb=0.12,
    ),
    Style(
        "pop",
        (84, 132),
        {_FOUR: 0.9, _SIX: 0.1},
        _figures(_ROCK),
        {"drums": 0.95, "bass": 0.9, "keys": 0.6, "pad": 0.5, "pluck": 0.5, "lead": 0.4, "mallet": 0.1},
        ("root", "eighths", "syncopated"),
        ("sustain", "strum", "stabs"),
        minor=0.3,
    ),
    Style(
        "ballad",
        (60, 84),
        {_FOUR: 0.5, _SIX: 0.35, _THREE: 0.15},
        _figures(_SOFT),
        {"keys": 0.9, "drums": 0.5, "bass": 0.6, "pad": 0.6, "lead": 0.4, "mallet": 0.15},
        ("root", "long"),
        ("broken", "sustain"),
        minor=0.45,
        brightness=0.7,
        reverb=0.35,
    ),
    Style(
        "ambient",
        (60, 100),
        {_FOUR: 0.6, _THREE: 0.2, _SIX: 0.2},
        _figures(_SOFT),
        {"pad": 1.0, "mallet": 0.4, "arp": 0.3, "keys": 0.25, "bass": 0.3, "lead": 0.2, "riser": 0.1, "drums": 0.08},
        ("long",),
        ("sustain", "broken"),
        minor=0.5,
        brightness=0.6,
        reverb=0.5,
    ),
    Style(
        "jazz",
        (96, 180),
        {_FOUR: 0.75, _THREE: 0.25},
        _figures(_SWING),
        {"drums": 0.85, "bass": 0.95, "keys": 0.9, "lead": 0.4, "mallet": 0.25, "pluck": 0.2},
        ("walking",),
        ("stabs", "charleston"),
        swing=0.33,
        sevenths=True,
        brightness=0.7,
    ),
    Style(
        "funk",
        (92, 118),
        {_FOUR: 1.0},
        _figures(_FUNK),
        {"drums": 1.0, "bass": 1.0, "pluck": 0.7, "keys": 0.5, "lead": 0.2},
        ("syncopated", "octaves"),
        ("sixteenths", "stabs"),
        minor=0.6,
        sevenths=True,
        reverb=0.1,
    ),
    Style(
        "reggae",
        (66, 92),
        {_FOUR: 1.0},
        _figures(_REGGAE),
        {"drums": 0.95, "bass": 1.0, "pluck": 0.7, "keys": 0.6, "lead": 0.2},
        ("syncopated", "root"),
        ("skank",),
        minor=0.45,
    ),
    Style(
        "bossa nova",
        (100, 145),
        {_FOUR: 1.0},
        _figures(_BOSSA),
        {"drums": 0.85, "bass": 0.9, "pluck": 0.9, "keys": 0.3, "lead": 0.3, "mallet": 0.2},
        ("bossa",),
        ("charleston", "stabs"),
        minor=0.4,
        sevenths=True,
        brightness=0.7,
    ),
    Style(
        "folk",
        (80, 150),
        {_THREE: 0.4, _FOUR: 0.4, _SIX: 0.2},
        _figures(_SOFT),
        {"pluck": 1.0, "bass": 0.5, "drums": 0.35, "lead": 0.45, "mallet": 0.2, "pad": 0.15},
        ("root",),
        ("broken", "strum"),
        minor=0.4,
        brightness=0.8,
        reverb=0.15,
    ),
    Style(
        "waltz",
        (84, 180),
        {_THREE: 1.0},
        _figures(_SOFT),
        {"keys": 0.8, "bass": 0.7, "pluck": 0.4, "pad": 0.35, "drums": 0.5, "lead": 0.5, "mallet": 0.2},
        ("root",),
        ("oompah", "broken"),
        minor=0.45,
        brightness=0.8,
        reverb=0.3,
    ),
)
STYLE_BY_NAME = {style.name: style for style in STYLES}
