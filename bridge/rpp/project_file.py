"""Read a REAPER project file (.RPP) and extend it by inserting text; every other byte stays.

A Project never changes: each insertion gives a new one, with the list of its edits (`rpp_text.undo` takes them
back). Nothing is written but by `save_as`, and never to the file that was read. What the parsers do not fully
understand is refused. Knows no rendering and no network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bridge.rpp.folders import isbus, place_behind
from bridge.rpp.model import LEFT_OUT, Item, MediaFolders, Track, is_absolute, read_item, read_tracks
from bridge.rpp.tempo_map import TempoMarker, read_tempo_points
from bridge.rpp.text import Block, Edit, Line, apply, number, parse, quote, readable, refused, split_words
from bridge.rpp.write import (
    EXT_SECTION,
    LONGEST_RECIPE_LINE,
    MakeGuid,
    NewItem,
    NewTake,
    NewTrack,
    indent,
    item_lines,
    new_guid,
    recipe_line,
    take_lines,
    track_lines,
)
from bridge.system.atomic import write_atomic

_MOST_BYTES = 512 * 2**20
_TOLD_TRACKS = 50


@dataclass(frozen=True)
class Project:
    """A project's text. `path` is where it was read from, `edits` what the last insertion changed."""

    text: str
    path: Path
    edits: tuple[Edit, ...] = ()
    make_guid: MakeGuid = field(default=new_guid, compare=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Project:
        """Read and check a project. Raises ProjectRefused; FileNotFoundError and other OSError as they are."""
        file = Path(path)
        if file.stat().st_size > _MOST_BYTES:
            raise refused("project", f"{file.stat().st_size} bytes", f"at most {_MOST_BYTES}", "Split it.")
        project = cls(file.read_bytes().decode("utf-8", "surrogateescape"), file.absolute())
        project.check()
        return project

    def check(self) -> None:
        """Read everything that could be edited. Raises ProjectRefused where something is not understood."""
        _ = self.tempo, self.time_selection
        for track in self.tracks:
            self.items(track)

    @cached_property
    def root(self) -> Block:
        return parse(self.text)

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.text.encode("utf-8", "surrogateescape")

    @property
    def folders(self) -> MediaFolders:
        line = self.root.line("RECORD_PATH")
        return MediaFolders(self.path.parent, line.words[1] if line and len(line.words) > 1 else "")

    @property
    def time_selection(self) -> tuple[float, float] | None:
        """Start and end of the time selection in seconds; None where nothing is selected."""
        line = self.root.line("SELECTION")
        if line is None:
            return None
        start, end = sorted((number(line), number(line, 2)))
        return (start, end) if end > start else None

    @cached_property
    def tempo(self) -> tuple[TempoMarker, ...]:
        """The tempo map: at least one point."""
        return read_tempo_points(self.root)

    @property
    def sample_rate(self) -> int | None:
        """The project's own rate; None where REAPER follows the audio device."""
        line = self.root.line("SAMPLERATE")
        return int(number(line)) if line and number(line, 2, 0) else None

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        return read_tracks(self.root)

    def track(self, wanted: str | int) -> Track:
        """A track by GUID, exact name, name without case, or number from 1, tried in this order."""
        name = readable(str(wanted))
        tests = (
            lambda t: t.guid.casefold() == name.casefold(),
            lambda t: t.name == name,
            lambda t: t.name.casefold() == name.casefold(),
            lambda t: str(t.number) == name,
        )
        for test in tests:
            tracks = [track for track in self.tracks if test(track)]
            if len(tracks) == 1:
                return tracks[0]
            if tracks:
                numbers = ", ".join(str(track.number) for track in tracks)
                raise refused("track", f"{wanted!r}, tracks {numbers}", "one track", "Give its number or GUID.")
        raise refused("track", repr(name), f"one of: {self.names_of_tracks}", "Give a name, a number or a GUID.")

    @property
    def names_of_tracks(self) -> str:
        """The tracks with their numbers, names and how many items they have."""
        counts = [(t, len(t.block.blocks("ITEM"))) for t in self.tracks[:_TOLD_TRACKS]]
        names = [f"{t.number} {t.name!r} ({count} item{'s' * (count != 1)})" for t, count in counts]
        more = len(self.tracks) - len(names)
        return ", ".join([*names, *([f"and {more} more"] if more else [])]) or "no tracks"

    def items(self, track: Track) -> tuple[Item, ...]:
        """The track's items, by position."""
        folders = self.folders
        items = [read_item(block, folders, track.lanes) for block in track.block.blocks("ITEM")]
        return tuple(sorted(items, key=lambda item: item.position))

    def items_at(self, track: Track, start: float, end: float) -> tuple[Item, ...]:
        """Items of the track that have audio, are heard and not locked, and touch start..end."""
        inside = [item for item in self.items(track) if item.position < end and item.end > start]
        return tuple(item for item in inside if not item.why_left_out)

    def left_out(self, track: Track, start: float, end: float) -> tuple[str, ...]:
        """The other items that touch start..end, each with the reason."""
        inside = [item for item in self.items(track) if item.position < end and item.end > start]
        return tuple(f"the item at {i.position:g} s is {i.why_left_out}" for i in inside if i.why_left_out)

    def item_at(self, track: Track, start: float, end: float) -> Item:
        """The one usable item under start..end. Raises ProjectRefused for none, and for several."""
        items = self.items_at(track, start, end)
        where = f"{start:g} s to {end:g} s of track {track.number} {track.name!r}"
        if not items:
            others = "; ".join(self.left_out(track, start, end))
            got = f"no audio item at {where}" + (f": {others}" if others else "")
            touched = [item for item in self.items(track) if item.position < end and item.end > start]
            remedy = next((LEFT_OUT[i.why_left_out] for i in touched if i.why_left_out), "Move the selection")
            remedy += ", or generate there on a new track."
            raise refused("region", got, "one item that is heard and not locked", remedy)
        if len(items) > 1:
            places = "; ".join(f"{item.position:g} to {item.end:g} s" for item in items)
            raise refused("region", f"{len(items)} items at {where}: {places}", "one item", "Narrow the range.")
        return items[0]

    def insert_take(self, item: Item, take: NewTake) -> Project:
        """The project with one more take on this item, before its closing line."""
        if item.plays_all_takes:
            remedy = "Turn off 'Play all takes' of that item."
            raise refused("item", "an item that plays all its takes", "one that plays the active take", remedy)
        guid = self.make_guid()
        inline = not item.takes
        lines = take_lines(take, guid, inline, self.make_guid)
        if inline and item.block.line("VOLPAN"):
            lines = [line for line in lines if not line.startswith("VOLPAN ")]
        edits = [self._before_closing(item.block, lines)]
        if take.select:
            edits += [_deselect(line) for line in item.block.lines("TAKE") if "SEL" in line.words[1:]]
        return self._edited([*edits, *self._recipe_edits(guid, take.recipe)])

    def insert_item(self, track: Track, item: NewItem) -> Project:
        """The project with one more item at the end of this track."""
        guid = self.make_guid()
        lines = item_lines(item, self.make_guid, guid)
        return self._edited([self._before_closing(track.block, lines), *self._recipe_edits(guid, item.take.recipe)])

    def insert_track(self, track: NewTrack, after: Track | None = None) -> Project:
        """The project with one more track: behind `after` in the folder that it lies in, or at the end.

        Folders end behind it where they ended behind `after`, and receives from tracks below count it.
        """
        if len(track.items) > 1:
            raise refused("track", f"{len(track.items)} items", "at most one new item a track", "Add them singly.")
        guid = self.make_guid()
        place = place_behind(self.tracks, after) if after else None
        lines = track_lines(track, self.make_guid, guid, isbus(place.ends if place else 0))
        last = place.behind if place else self.tracks[-1] if self.tracks else None
        edit = self._behind(last.block, lines) if last else self._before_closing(self.root, lines)
        recipe = track.items[0].take.recipe if track.items else None
        return self._edited([edit, *(place.edits if place else ()), *self._recipe_edits(guid, recipe)])

    def save_as(self, path: str | os.PathLike[str]) -> Path:
        """Write to another file, whole or not at all; in another folder media paths become absolute.

        Raises ProjectRefused when `path` is the project that was read.
        """
        target = Path(path).absolute()
        if target == self.path or (target.exists() and self.path.exists() and target.samefile(self.path)):
            raise refused("output", f"the input project {target.name}", "another file", "Give a new file name.")
        write_atomic(target, self.for_folder(target.parent).data)
        return target

    def for_folder(self, folder: Path) -> Project:
        """The project as it has to be in this folder: in another one its media paths are absolute."""
        same_folder = os.path.realpath(folder) == os.path.realpath(self.path.parent)
        return self if same_folder else self.with_absolute_media()

    def with_absolute_media(self) -> Project:
        """The project with every relative media path made absolute, as another folder needs it."""
        folders = self.folders
        edits = []
        for block in self.root.walk():
            if block.key != "SOURCE":
                continue
            for line in block.lines("FILE"):
                if len(line.words) > 1 and line.words[1] and not is_absolute(line.words[1]):
                    edits.append(self._absolute(line, folders))
        return self._edited(edits)

    def _absolute(self, line: Line, folders: MediaFolders) -> Edit:
        name, start, end = split_words(line.content)[1]
        return Edit(line.content_start + start, line.content[start:end], quote(os.path.abspath(folders.resolve(name))))

    def _edited(self, edits: list[Edit]) -> Project:
        ordered = tuple(edits)
        project = Project(apply(self.text, ordered), self.path, ordered, self.make_guid)
        project.check()
        return project

    @cached_property
    def _newline(self) -> str:
        return "\r\n" if self.text.count("\r\n") * 2 > self.text.count("\n") else "\n"

    def _depth(self, line: Line) -> str:
        raw = self.text[line.start : line.end]
        return raw[: len(raw) - len(raw.lstrip(" \t"))]

    def _before_closing(self, block: Block, lines: list[str]) -> Edit:
        depth = self._depth(block.closing) + "  "
        return Edit(block.closing.start, "", self._newline.join([*indent(lines, depth), ""]))

    def _behind(self, block: Block, lines: list[str]) -> Edit:
        depth = self._depth(block.closing)
        return Edit(block.closing.end, "", self._newline.join([*indent(lines, depth), ""]))

    def _recipe_edits(self, guid: str, recipe: dict[str, object] | None) -> list[Edit]:
        line = recipe_line(guid, recipe) if recipe is not None else ""
        if not 0 < len(line) <= LONGEST_RECIPE_LINE:  # the file holds it too
            return []
        states = self.root.blocks("EXTSTATE")
        if not states:
            return [self._before_closing(self.root, ["<EXTSTATE", f"  <{EXT_SECTION}", f"    {line}", "  >", ">"])]
        sections = states[-1].blocks(EXT_SECTION)
        if not sections:
            return [self._before_closing(states[-1], [f"<{EXT_SECTION}", f"  {line}", ">"])]
        return [self._before_closing(sections[-1], [line])]


def _deselect(line: Line) -> Edit:
    """Take ` SEL` out of a TAKE line."""
    _, start, end = next(word for word in split_words(line.content)[1:] if word[0] == "SEL")
    before = len(line.content[:start].rstrip())
    return Edit(line.content_start + before, line.content[before:end], "")
