"""Fixed lanes (REAPER 7): how many a track has, which play, and on which an item lies.

As REAPER 7.80 was seen to behave: an item's I_FIXEDLANE adds the lanes that it needs; of a track's `C_LANEPLAYS:N`, 1
silences every other lane, 2 adds a lane to those that play, 0 silences it even when it was the last; a new lane plays
where all others do. An item's C_LANEPLAYS is its lane's, and read only.
"""

from __future__ import annotations

from .api_items import ItemApi
from .model import Item, Track

FIXED_LANES = 2.0
PREFIX = "C_LANEPLAYS:"


class LaneApi(ItemApi):
    """The values of tracks and items that lanes are about; all others as `ItemApi` has them."""

    def GetMediaTrackInfo_Value(self, track: int, key: str) -> float:
        found = self.need(track, "MediaTrack*", "GetMediaTrackInfo_Value")
        if found is not None and key.startswith(PREFIX):
            return plays(found, int(key.removeprefix(PREFIX)))
        return super().GetMediaTrackInfo_Value(track, key)

    def SetMediaTrackInfo_Value(self, track: int, key: str, value: float) -> bool:
        found = self.need(track, "MediaTrack*", "SetMediaTrackInfo_Value")
        if key.startswith(PREFIX) or key == "I_NUMFIXEDLANES":
            if found.values["I_FREEMODE"] != FIXED_LANES:
                self.violation(f"{key} of a track without fixed lanes")
                return False
            if key == "I_NUMFIXEDLANES":
                grow(found, int(value))
            else:
                set_plays(found, int(key.removeprefix(PREFIX)), value)
            return True
        return super().SetMediaTrackInfo_Value(track, key, value)

    def GetMediaItemInfo_Value(self, item: int, key: str) -> float:
        found = self.need(item, "MediaItem*", "GetMediaItemInfo_Value")
        track = self.project.track_of(found) if found else None
        if key == "C_LANEPLAYS" and track is not None and any(k.startswith(PREFIX) for k in track.values):
            return plays(track, int(found.values["I_FIXEDLANE"]))
        return super().GetMediaItemInfo_Value(item, key)

    def SetMediaItemInfo_Value(self, item: int, key: str, value: float) -> bool:
        if key == "C_LANEPLAYS":
            self.violation("an item's C_LANEPLAYS is read only")
            return False
        if key == "I_FIXEDLANE":
            self._on_lane(self.need(item, "MediaItem*", "SetMediaItemInfo_Value"), int(value))
        return super().SetMediaItemInfo_Value(item, key, value)

    def _on_lane(self, item: Item, lane: int) -> None:
        track = self.project.track_of(item)
        if track is None or track.values["I_FREEMODE"] != FIXED_LANES:
            self.violation("I_FIXEDLANE on a track without fixed lanes")
        elif lane >= track.values["I_NUMFIXEDLANES"]:
            grow(track, lane + 1)


def plays(track: Track, lane: int) -> float:
    """A lane's state: 0 silent, 1 alone, 2 with others; a track plays its first lane until something else is set."""
    return track.values.get(f"{PREFIX}{lane}", 1.0 if lane == 0 else 0.0)


def grow(track: Track, count: int) -> None:
    """More lanes; they play where all others do."""
    old = int(track.values["I_NUMFIXEDLANES"])
    states = [plays(track, lane) for lane in range(old)]
    if old < count and all(states):
        states = [2.0] * count
    states += [0.0] * (count - len(states))
    track.values["I_NUMFIXEDLANES"] = float(count)
    track.values.update({f"{PREFIX}{lane}": state for lane, state in enumerate(states)})


def set_plays(track: Track, lane: int, value: float) -> None:
    """What setting one lane does to all of them."""
    states = [plays(track, other) for other in range(int(track.values["I_NUMFIXEDLANES"]))]
    if value == 1:
        states = [0.0] * len(states)
    elif value == 2:
        states = [2.0 if state else 0.0 for state in states]
    states[lane] = value
    track.values.update({f"{PREFIX}{other}": state for other, state in enumerate(states)})
