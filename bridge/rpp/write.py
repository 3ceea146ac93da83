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

from bridge.rpp.fades import Fade
from bridge.rpp.lanes import lane_line
from bridge.rpp.model import Take, Track
from bridge.rpp.text import Block, Line, clean_name, decimal, number, quote, refused

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
LONGEST_RECIPE_LINE = 4000  # characters; extensions read project lines into buffers of 4096
_MIX_KEYS = ("PANLAWFLAGS", "PANMODE", "VOLPAN", "MUTESOLO", "IPHASE", "PLAYOFFS")  # how a track's items are heard
MakeGuid = Callable[[], str]


def new_guid() -> str:
    """A GUID as REAPER spells it: {XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}."""
    return "{" + str(uuid.uuid4()).upper() + "}"


@dataclass(frozen=True)
class NewTake:
    """A take to insert. A relative `source` is relative to the project's folder.

    `like` is a take whose volume, pan, rate, pitch, channel mode and effects the new one gets; offset, rate and channel
    mode default to its own. `recipe` (JSON values) is kept in the project under the take's GUID.
    """

    source: Path | PureWindowsPath
    name: str
    start_offset: float | None = None
    play_rate: float | None = None
    select: bool = True
    like: Take | None = None
    recipe: dict[str, object] | None = None
    channel_mode: int | None = None


@dataclass(frozen=True)
class NewItem:
    """An item to write: where it lies on its track (project seconds), and its first take.

    Fades in seconds, or with their shape; `volume` is a factor; `lane` the lane it lies in and how many its track has.
    """

    position: float
    length: float
    take: NewTake
    fade_in: float | Fade = 0.01
    fade_out: float | Fade = 0.01
    volume: float = 1.0
    lane: tuple[int, int] | None = None


@dataclass(frozen=True)
class NewTrack:
    """A track to write, with its items. `volume` is a factor, `color` REAPER's number (0x1RRGGBB or as native).

    `like` is a track whose level, pan, mute, solo and phase the new one gets, instead of `volume`.
    """

    name: str
    items: Sequence[NewItem] = ()
    volume: float = 1.0
    color: int | None = None
    like: Track | None = None


def indent(lines: Sequence[str], depth: str) -> list[str]:
    return [depth + line for line in lines]


def take_lines(
    take: NewTake, guid: str, inline: bool, make_guid: MakeGuid = new_guid, item_volume: float = 1.0
) -> list[str]:
    """A take's lines; an inline (first) take has no TAKE line and holds the item's volume too."""
    like = {part.key: part for part in take.like.parts} if take.like else {}
    head = [] if inline else ["TAKE SEL" if take.select else "TAKE"]
    return [
        *head,
        f"NAME {quote(clean_name(take.name))}",
        f"VOLPAN {decimal(item_volume)} {_volume(like)}" if inline else f"TAKEVOLPAN {_volume(like)}",
        f"SOFFS {decimal(_offset(take))}",
        _play_rate(take, like),
        f"CHANMODE {_rest(like.get('CHANMODE'), '0') if take.channel_mode is None else take.channel_mode}",
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
        _fade(item.fade_in).line("FADEIN"),
        _fade(item.fade_out).line("FADEOUT"),
        "MUTE 0",
        "SEL 0",
        *([lane_line(*item.lane)] if item.lane else []),
        f"IGUID {make_guid()}",
        *take_lines(item.take, take_guid or make_guid(), inline=True, make_guid=make_guid, item_volume=item.volume),
    ]
    return ["<ITEM", *indent(body, "  "), ">"]


def track_lines(
    track: NewTrack, make_guid: MakeGuid = new_guid, take_guid: str | None = None, isbus: str = "ISBUS 0 0"
) -> list[str]:
    """A TRACK block with its items. `take_guid` is the GUID of the take of its only item; `isbus` its folder line."""
    guid = make_guid()
    body = [
        f"NAME {quote(clean_name(track.name))}",
        f"PEAKCOL {16576 if track.color is None else track.color}",
        "BEAT -1",
        "AUTOMODE 0",
        *_mix_lines(track),
        isbus,
        "NCHAN 2",
        "FX 1",
        f"TRACKID {guid}",
        f"MAINSEND 1 {_main_channel(track.like)}",
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


def _fade(given: float | Fade) -> Fade:
    return given if isinstance(given, Fade) else Fade(given)


def _mix_lines(track: NewTrack) -> list[str]:
    lines = {"VOLPAN": f"VOLPAN {decimal(track.volume)} 0 -1 -1 1", "MUTESOLO": "MUTESOLO 0 0 0", "IPHASE": "IPHASE 0"}
    for key in _MIX_KEYS:
        if track.like and (line := track.like.block.line(key)) is not None:
            lines[key] = line.content
    return [lines[key] for key in _MIX_KEYS if key in lines]


def _main_channel(like: Track | None) -> int:
    """The channel of the parent that the track plays into, from 0."""
    line = like.block.line("MAINSEND") if like else None
    return int(number(line, 2, 0)) if line else 0


def _volume(like: dict[str, Line | Block]) -> str:
    """Pan, volume and pan law of a take."""
    # VOLPAN: item volume, pan, take volume, pan law; TAKEVOLPAN: pan, take volume, pan law
    own = "0 1 -1"
    if isinstance(line := like.get("TAKEVOLPAN"), Line):
        return _rest(line, own)
    if isinstance(line := like.get("VOLPAN"), Line) and len(line.words) >= 5:
        return " ".join(line.words[2:5])
    return own


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
