"""The text of takes, items, tracks and recipes, as REAPER writes them. Knows no project and no offsets.

All functions give lines without newline; `indent` puts them at a depth.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from bridge.rpp.model import Take
from bridge.rpp.text import Block, Line, clean_name, decimal, quote, refused

SOURCE_TYPES = {
    ".wav": "WAVE",
    ".wave": "WAVE",
    ".aif": "WAVE",
    ".aiff": "WAVE",
    ".flac": "FLAC",
    ".mp3": "MP3",
    ".ogg": "VORBIS",
    ".opus": "OPUS",
}
EXT_SECTION = "ACESTEP_BRIDGE"
MakeGuid = Callable[[], str]


def new_guid() -> str:
    """A GUID as REAPER spells it: {XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}."""
    return "{" + str(uuid.uuid4()).upper() + "}"


@dataclass(frozen=True)
class NewTake:
    """A take to insert. A relative `source` is relative to the project's folder.

    `like` is a take whose volume, pan, rate, pitch, channel mode and effects the new one gets; offset and rate
    default to its own. `recipe` (JSON values) is kept in the project under the take's GUID.
    """

    source: Path | PureWindowsPath
    name: str
    start_offset: float | None = None
    play_rate: float | None = None
    select: bool = True
    like: Take | None = None
    recipe: dict[str, object] | None = None


@dataclass(frozen=True)
class NewItem:
    """An item to write: where it lies on its track (project seconds), and its first take."""

    position: float
    length: float
    take: NewTake
    fade_in: float = 0.01
    fade_out: float = 0.01


@dataclass(frozen=True)
class NewTrack:
    """A track to write, with its items. `volume` is a factor, `color` REAPER's number (0x1RRGGBB or as native)."""

    name: str
    items: Sequence[NewItem] = ()
    volume: float = 1.0
    color: int | None = None


def indent(lines: Sequence[str], depth: str) -> list[str]:
    return [depth + line for line in lines]


def take_lines(take: NewTake, guid: str, inline: bool, make_guid: MakeGuid = new_guid) -> list[str]:
    """A take's lines; an inline (first) take has no TAKE line and holds the item's volume too."""
    like = {part.key: part for part in take.like.parts} if take.like else {}
    head = [] if inline else ["TAKE SEL" if take.select else "TAKE"]
    return [
        *head,
        f"NAME {quote(clean_name(take.name))}",
        _volume(like, inline),
        f"SOFFS {decimal(_offset(take))}",
        _play_rate(take, like),
        f"CHANMODE {_rest(like.get('CHANMODE'), '0')}",
        f"GUID {guid}",
        *source_lines(take.source),
        *_effects(take.like, make_guid),
    ]


def source_lines(source: Path | PureWindowsPath) -> list[str]:
    """A SOURCE block. Raises ProjectRefused for a kind of file that REAPER's projects name otherwise."""
    kind = SOURCE_TYPES.get(source.suffix.lower())
    if kind is None:
        raise refused("source", f"a file {source.name!r}", f"one of {', '.join(SOURCE_TYPES)}", "Convert it.")
    name = str(source)
    if any(ord(character) < 32 for character in name):
        raise refused("source", f"control characters in {name!r}", "a path of one line", "Rename the file.")
    return [f"<SOURCE {kind}", f"  FILE {quote(name)}", ">"]


def item_lines(item: NewItem, make_guid: MakeGuid = new_guid, take_guid: str | None = None) -> list[str]:
    """An ITEM block with one take."""
    body = [
        f"POSITION {decimal(item.position)}",
        "SNAPOFFS 0",
        f"LENGTH {decimal(item.length)}",
        "LOOP 0",
        "ALLTAKES 0",
        f"FADEIN 1 {decimal(item.fade_in)} 0 1 0 0",
        f"FADEOUT 1 {decimal(item.fade_out)} 0 1 0 0",
        "MUTE 0",
        "SEL 0",
        f"IGUID {make_guid()}",
        *take_lines(item.take, take_guid or make_guid(), inline=True, make_guid=make_guid),
    ]
    return ["<ITEM", *indent(body, "  "), ">"]


def track_lines(track: NewTrack, make_guid: MakeGuid = new_guid, take_guid: str | None = None) -> list[str]:
    """A TRACK block with its items. `take_guid` is the GUID of the take of its only item."""
    guid = make_guid()
    body = [
        f"NAME {quote(clean_name(track.name))}",
        f"PEAKCOL {16576 if track.color is None else track.color}",
        "BEAT -1",
        "AUTOMODE 0",
        f"VOLPAN {decimal(track.volume)} 0 -1 -1 1",
        "MUTESOLO 0 0 0",
        "IPHASE 0",
        "ISBUS 0 0",
        "NCHAN 2",
        "FX 1",
        f"TRACKID {guid}",
        "MAINSEND 1 0",
    ]
    for item in track.items:
        body += item_lines(item, make_guid, take_guid)
    return [f"<TRACK {guid}", *indent(body, "  "), ">"]


def recipe_line(guid: str, recipe: dict[str, object]) -> str:
    """One key and value of REAPER's per-project state: the recipe of the take with this GUID, base64 of JSON."""
    data = json.dumps(recipe, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f"{recipe_key(guid)} {base64.b64encode(data.encode()).decode()}"


def recipe_key(guid: str) -> str:
    """The key, also for GetProjExtState(0, "ACESTEP_BRIDGE", key)."""
    return "TAKE_" + guid.strip("{}").replace("-", "").upper()


def _offset(take: NewTake) -> float:
    if take.start_offset is not None:
        return take.start_offset
    return take.like.start_offset if take.like else 0.0


def _rest(part: Line | Block | None, default: str) -> str:
    if not isinstance(part, Line) or len(part.words) < 2:
        return default
    return part.content.split(maxsplit=1)[1]


def _volume(like: dict[str, Line | Block], inline: bool) -> str:
    # VOLPAN: item volume, pan, take volume, pan law; TAKEVOLPAN: pan, take volume, pan law
    own = "0 1 -1"
    if isinstance(line := like.get("TAKEVOLPAN"), Line):
        own = _rest(line, own)
    elif isinstance(line := like.get("VOLPAN"), Line) and len(line.words) >= 5:
        own = " ".join(line.words[2:5])
    return f"VOLPAN 1 {own}" if inline else f"TAKEVOLPAN {own}"


def _play_rate(take: NewTake, like: dict[str, Line | Block]) -> str:
    words = _rest(like.get("PLAYRATE"), "1 1 0 -1 0 0.0025").split()
    if take.play_rate is not None:
        words[0] = decimal(take.play_rate)
    return "PLAYRATE " + " ".join(words)


def _effects(like: Take | None, make_guid: MakeGuid) -> list[str]:
    if like is None:
        return []
    lines: list[str] = []
    for part in like.parts:
        if part.key == "TAKEFX" and isinstance(part, Block):
            lines += _copied(part, make_guid)
        elif part.key in ("TAKEFX_NCH", "TAKE_FX_HAVE_NEW_PDC_AUTOMATION_BEHAVIOR") and isinstance(part, Line):
            lines.append(part.content)
    return lines


def _copied(block: Block, make_guid: MakeGuid) -> list[str]:
    """The block's lines again, with a GUID of its own for each effect and envelope."""
    lines = [block.opening.content]
    for child in block.children:
        if isinstance(child, Block):
            lines += indent(_copied(child, make_guid), "  ")
        elif child.key in ("FXID", "EGUID"):
            lines.append(f"  {child.key} {make_guid()}")
        else:
            lines.append(f"  {child.content}")
    return [*lines, ">"]
