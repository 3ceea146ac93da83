"""Tracks, items and takes as a project file describes them, read from the tree of `rpp_text`.

Knows no editing and opens no media. Times are seconds of the project, offsets and rates those of the source.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from bridge.rpp.lanes import NO_LANES, ONE_LANE, LanePlace, Lanes, place_of, read_lanes
from bridge.rpp.text import Block, Line, number, readable, refused

AUDIO_SOURCES = {"WAVE", "FLAC", "MP3", "VORBIS", "OPUS", "WAVPACK", "VIDEO"}  # VIDEO: m4a, mp4 and others
_ENVELOPES = {"VOLENV": "volume", "PANENV": "pan", "MUTEENV": "mute", "PITCHENV": "pitch"}
_INLINE_KEYS = {"NAME", "SOFFS", "PLAYRATE", "CHANMODE", "GUID"}
EMPTY, EMPTY_TAKE, SILENT_LANE = "empty", "on an empty take (TAKE NULL)", "on a lane that does not play"
LOCKED, MUTED = "locked", "muted"
LEFT_OUT = {  # what to do about each reason
    EMPTY: "Move the selection",
    EMPTY_TAKE: "Make another of its takes the active one in REAPER and save",
    SILENT_LANE: "Let its lane play in REAPER and save",
    LOCKED: "Unlock or unmute it in REAPER and save",
    MUTED: "Unlock or unmute it in REAPER and save",
}
_DEFAULT_PLAYRATE = "PLAYRATE 1 1 0 -1 0 0.0025"


@dataclass(frozen=True)
class Take:
    """One take. `empty` is REAPER's empty take (TAKE NULL), which has nothing but its place."""

    index: int
    name: str
    guid: str
    active: bool
    empty: bool
    source: Path | None  # absolute where the project's folder is known
    source_type: str
    start_offset: float  # seconds of the source
    play_rate: float
    obstacles: tuple[str, ...]  # why the take's source is not what is heard: stretch markers, reversed, ...
    channel_mode: int = 0  # CHANMODE, see `channels`
    parts: tuple[Line | Block, ...] = ()


@dataclass(frozen=True)
class Item:
    """One item with all its takes; `end` is position + length."""

    guid: str
    position: float
    length: float
    muted: bool
    locked: bool
    looped: bool
    plays_all_takes: bool
    takes: tuple[Take, ...]
    block: Block
    volume: float = 1.0
    lane: LanePlace = ONE_LANE

    @property
    def end(self) -> float:
        return self.position + self.length

    @property
    def active_take(self) -> Take | None:
        return next((take for take in self.takes if take.active), None)

    @property
    def why_left_out(self) -> str:
        """Why this item is no target (one of LEFT_OUT), or an empty text."""
        if not self.takes or all(take.empty for take in self.takes):
            return EMPTY
        if self.active_take is None or self.active_take.empty:
            return EMPTY_TAKE
        if not self.lane.plays:
            return SILENT_LANE
        return LOCKED if self.locked else MUTED if self.muted else ""

    @property
    def sounds(self) -> bool:
        """Whether it is heard, as far as the item itself decides."""
        return self.why_left_out in ("", LOCKED)

    def source_time(self, time: float) -> float:
        """Project seconds to seconds of the active take's source. Raises ProjectRefused without a take."""
        take = self.active_take
        if take is None or take.empty:
            raise refused("item", "an item without an active take", "an item with audio", "Choose another item.")
        return take.start_offset + (time - self.position) * take.play_rate


@dataclass(frozen=True)
class Track:
    """One track; `number` counts from 1, as REAPER shows it."""

    number: int
    name: str
    guid: str
    block: Block
    lanes: Lanes = NO_LANES


@dataclass(frozen=True)
class MediaFolders:
    """Where a project's media may lie: beside the project, or in its recording folder."""

    project: Path
    recordings: str = ""

    def resolve(self, name: str) -> Path:
        """The file that a project means by `name`; the first place that has it, else beside the project."""
        spellings = [name] if readable(name) == name else [name, readable(name)]
        candidates = [path for spelling in spellings for path in self._candidates(spelling)]
        return next((path for path in candidates if os.path.exists(path)), candidates[0])

    def _candidates(self, name: str) -> list[Path]:
        if is_absolute(name):
            return [Path(name)]
        local = Path(*PureWindowsPath(name).parts) if "\\" in name else Path(name)
        paths = [self.project / local]
        if self.recordings:
            record = self.recordings if is_absolute(self.recordings) else str(self.project / self.recordings)
            paths.append(Path(record) / local)
        return paths


def is_absolute(name: str) -> bool:
    """Whether any of the three systems calls this path absolute: a project may come from another one."""
    return PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()


def read_tracks(root: Block) -> tuple[Track, ...]:
    """All tracks in order."""
    return tuple(_track(i, block) for i, block in enumerate(root.blocks("TRACK"), start=1))


def _track(index: int, block: Block) -> Track:
    name = block.line("NAME")
    guid = block.words[1] if len(block.words) > 1 else ""
    if not guid and (line := block.line("TRACKID")) is not None and len(line.words) > 1:
        guid = line.words[1]
    return Track(index, readable(name.words[1]) if name and len(name.words) > 1 else "", guid, block, read_lanes(block))


def read_item(block: Block, folders: MediaFolders, lanes: Lanes = NO_LANES) -> Item:
    """One item of a track with these lanes. Raises ProjectRefused when position or length is missing."""
    position, length = _required(block, "POSITION"), _required(block, "LENGTH")
    guid = block.line("IGUID")
    return Item(
        guid=guid.words[1] if guid and len(guid.words) > 1 else "",
        position=position,
        length=length,
        muted=_flag(block, "MUTE"),
        locked=_flag(block, "LOCK"),
        looped=_flag(block, "LOOP"),
        plays_all_takes=_flag(block, "ALLTAKES"),
        takes=_takes(block, folders),
        block=block,
        volume=number(volume, default=1.0) if (volume := block.line("VOLPAN")) else 1.0,
        lane=place_of(block, lanes),
    )


def _required(block: Block, key: str) -> float:
    line = block.line(key)
    if line is None:
        raise refused("item", f"an item without {key}", "position and length in every item")
    return number(line)


def _flag(block: Block, key: str) -> bool:
    line = block.line(key)
    return line is not None and number(line, default=0) != 0


def _takes(block: Block, folders: MediaFolders) -> tuple[Take, ...]:
    groups: list[list[Line | Block]] = [[]]
    for child in block.children:
        if isinstance(child, Line) and child.key == "TAKE":
            groups.append([child])
        else:
            groups[-1].append(child)
    inline, further = groups[0], groups[1:]
    has_inline = any(part.key == "SOURCE" or part.key in _INLINE_KEYS for part in inline)
    if not has_inline and not further:
        return ()
    selected = next((i for i, g in enumerate(further, start=1) if "SEL" in g[0].words[1:]), 0)
    takes = [_take(0, inline, selected == 0, not has_inline, folders)]
    for index, group in enumerate(further, start=1):
        takes.append(_take(index, group, selected == index, "NULL" in group[0].words[1:], folders))
    return tuple(takes)


def _take(index: int, parts: list[Line | Block], active: bool, empty: bool, folders: MediaFolders) -> Take:
    if empty:  # a topmost empty take has no line of its own in the file
        return Take(index, "", "", active, True, None, "", 0.0, 1.0, ("an empty take",))
    lines = {part.key: part for part in reversed(parts) if isinstance(part, Line)}
    sources = [part for part in parts if isinstance(part, Block) and part.key == "SOURCE"]
    if len(sources) > 1:
        raise refused("take", "a take with two sources", "one source a take")
    source = sources[0] if sources else None
    name, guid, offset, mode = (lines.get(key) for key in ("NAME", "GUID", "SOFFS", "CHANMODE"))
    rate = lines.get("PLAYRATE") or Line(0, 0, _DEFAULT_PLAYRATE)
    if number(rate) <= 0:
        raise refused("PLAYRATE", repr(rate.content), "a rate above 0")
    return Take(
        index=index,
        name=readable(name.words[1]) if name and len(name.words) > 1 else "",
        guid=guid.words[1] if guid and len(guid.words) > 1 else "",
        active=active,
        empty=False,
        source=_source_file(source, folders),
        source_type=source.words[1] if source and len(source.words) > 1 else "",
        start_offset=number(offset, default=0.0) if offset else 0.0,
        play_rate=number(rate),
        obstacles=tuple(_obstacles(parts, source)),
        channel_mode=int(number(mode, default=0)) if mode else 0,
        parts=tuple(parts),
    )


def _source_file(source: Block | None, folders: MediaFolders) -> Path | None:
    file = source.line("FILE") if source else None
    return folders.resolve(file.words[1]) if file and len(file.words) > 1 and file.words[1] else None


def _obstacles(parts: list[Line | Block], source: Block | None) -> list[str]:
    obstacles = [f"a {_ENVELOPES[part.key]} envelope on the take" for part in parts if part.key in _ENVELOPES]
    if any(part.key == "SM" for part in parts):
        obstacles.append("stretch markers")
    kind = source.words[1] if source and len(source.words) > 1 else "no source"
    if kind == "SECTION":
        obstacles.append("a section or reversed source")
    elif kind not in AUDIO_SOURCES:
        obstacles.append(f"a source of type {kind}")
    elif source is not None and not any(len(line.words) > 1 and line.words[1] for line in source.lines("FILE")):
        obstacles.append("a source that names no file")
    return obstacles
