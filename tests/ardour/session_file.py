"""A saved Ardour session read: playlists, their regions, and what they play. Knows no fades but where they are."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

TICKS_PER_SECOND = 282_240_000  # superclocks


@dataclass(frozen=True)
class SavedRegion:
    """Positions in samples; `sources` one file a channel."""

    name: str
    position: int
    start: int
    length: int
    layer: int
    sources: tuple[Path, ...]

    @property
    def end(self) -> int:
        return self.position + self.length

    def samples(self) -> NDArray[np.float32]:
        """(length, channels): the files' samples, without fades."""
        found = [soundfile.read(path, dtype="float32", always_2d=True)[0][:, 0] for path in self.sources]
        return np.stack(found, axis=1)[self.start : self.start + self.length]


@dataclass(frozen=True)
class SavedPlaylist:
    name: str
    track: str
    regions: tuple[SavedRegion, ...]

    def played(self, length: int) -> NDArray[np.float32]:
        """(length, channels) from the session's start: higher layers cover lower ones."""
        first = self.regions[0].samples()
        out = np.zeros((length, first.shape[1]), np.float32)
        for region in sorted(self.regions, key=lambda region: region.layer):
            out[region.position : region.end] = region.samples()
        return out


class SavedSession:
    """`song.ardour` of a session folder."""

    def __init__(self, folder: Path) -> None:
        self._root = ElementTree.parse(folder / "song.ardour").getroot()
        self._audio = next((folder / "interchange").iterdir()) / "audiofiles"
        self.rate = int(self._root.attrib["sample-rate"])
        self._files = {node.attrib["id"]: self._audio / node.attrib["name"] for node in self._root.iter("Source")}
        self._tracks = {node.attrib["id"]: node.attrib["name"] for node in self._root.iter("Route")}

    def playlists(self) -> dict[str, SavedPlaylist]:
        """By name, those in use and those that are not."""
        nodes = [*self._root.findall("Playlists/Playlist"), *self._root.findall("UnusedPlaylists/Playlist")]
        return {node.attrib["name"]: self._playlist(node) for node in nodes}

    def playing(self) -> dict[str, str]:
        """Track -> name of the playlist that plays."""
        by_id = {node.attrib["id"]: node.attrib["name"] for node in self._root.iter("Playlist")}
        routes = [node for node in self._root.iter("Route") if "audio-playlist" in node.attrib]
        return {node.attrib["name"]: by_id[node.attrib["audio-playlist"]] for node in routes}

    def markers(self) -> list[str]:
        """Names of ranges and markers."""
        return [node.attrib["name"] for node in self._root.findall("Locations/Location")]

    def _playlist(self, node: ElementTree.Element) -> SavedPlaylist:
        track = self._tracks.get(node.attrib.get("orig-track-id", ""), "")
        return SavedPlaylist(node.attrib["name"], track, tuple(self._region(child) for child in node.iter("Region")))

    def _region(self, node: ElementTree.Element) -> SavedRegion:
        channels = range(int(node.attrib["channels"]))
        files = tuple(self._files[node.attrib[f"source-{channel}"]] for channel in channels)
        length, position = node.attrib["length"].split("@")
        places = [self._samples(text) for text in (position, node.attrib["start"], length)]
        return SavedRegion(node.attrib["name"], *places, int(float(node.attrib["layering-index"])), files)

    def _samples(self, text: str) -> int:
        """`a282240000`: audio time in superclocks."""
        ticks = int(text.removeprefix("a"))
        assert ticks * self.rate % TICKS_PER_SECOND == 0, f"{text} is no whole number of samples"
        return ticks * self.rate // TICKS_PER_SECOND
