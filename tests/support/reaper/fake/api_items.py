"""API functions about tracks, items, takes, sources and audio accessors."""

from __future__ import annotations

import copy
import os

import numpy as np

from .audio import read_take, read_track, source_info
from .core import Accessor, Core
from .model import Item, Source, Take, Track, new_guid

LONGEST_LINE = 4000  # that every reader of project files takes


class ItemApi(Core):
    """Tracks, items and takes of the active project."""

    # tracks
    def CountTracks(self, project: int) -> int:
        return len(self.project_at(project).tracks)

    def GetTrack(self, project: int, index: int) -> int:
        tracks = self.project_at(project).tracks
        return self.pointer("MediaTrack*", tracks[index] if 0 <= index < len(tracks) else None)

    def _selected(self, project: int) -> list[Track]:
        return [t for t in self.project_at(project).tracks if t.selected]

    def CountSelectedTracks2(self, project: int, master: int) -> int:
        return len(self._selected(project))

    def GetSelectedTrack2(self, project: int, index: int, master: int) -> int:
        found = self._selected(project)
        return self.pointer("MediaTrack*", found[index] if 0 <= index < len(found) else None)

    def GetTrackName(self, track: int, buffer: str, size: int):
        found = self.need(track, "MediaTrack*", "GetTrackName")
        return bool(found), found.name if found else ""

    def GetSetMediaTrackInfo_String(self, track: int, key: str, value: str, is_set: int):
        found = self.need(track, "MediaTrack*", "GetSetMediaTrackInfo_String")
        fields = {"P_NAME": "name", "P_RAZOREDITS": "razor", "P_RAZOREDITS_EXT": "razor", "GUID": "guid"}
        return self._string(found, fields, key, value, is_set)

    def GetMediaTrackInfo_Value(self, track: int, key: str) -> float:
        found = self.need(track, "MediaTrack*", "GetMediaTrackInfo_Value")
        if key == "I_SELECTED":
            return float(found.selected)
        if key == "IP_TRACKNUMBER":
            return float(self.project.tracks.index(found) + 1)
        return self._value(found, key)

    def SetMediaTrackInfo_Value(self, track: int, key: str, value: float) -> bool:
        found = self.need(track, "MediaTrack*", "SetMediaTrackInfo_Value")
        return False if found and found.controls_locked else self._set_value(found, key, value)

    def GetParentTrack(self, track: int) -> int:
        """The folder track that a track lies in, by I_FOLDERDEPTH."""
        found = self.need(track, "MediaTrack*", "GetParentTrack")
        open_folders: list[Track] = []
        for other in self.project.tracks:
            if other is found:
                return self.pointer("MediaTrack*", open_folders[-1] if open_folders else None)
            depth = int(other.values["I_FOLDERDEPTH"])
            if depth > 0:
                open_folders.append(other)
            elif depth < 0:
                del open_folders[depth:]
        return 0

    def InsertTrackAtIndex(self, index: int, defaults: int) -> None:
        self.project.tracks.insert(index, Track())

    def SetOnlyTrackSelected(self, track: int) -> None:
        found = self.need(track, "MediaTrack*", "SetOnlyTrackSelected")
        for other in self.project.tracks:
            other.selected = other is found

    def SetTrackSelected(self, track: int, selected: int) -> None:
        self.need(track, "MediaTrack*", "SetTrackSelected").selected = bool(selected)

    def TrackFX_GetCount(self, track: int) -> int:
        return len(self.need(track, "MediaTrack*", "TrackFX_GetCount").fx)

    # strings and values
    def _string(self, thing: object, fields: dict[str, str], key: str, value: str, is_set: int):
        if thing is None:
            return False, ""
        if key.startswith("P_EXT:"):
            if is_set and len(key) + len(value) > LONGEST_LINE:
                self.violation(f"{key}: a line of {len(value)} characters in the project file")
            if is_set:
                thing.ext[key[6:]] = value
            return bool(is_set or key[6:] in thing.ext), thing.ext.get(key[6:], "")
        if key not in fields:
            self.violation(f"unknown string key {key}")
            return False, ""
        if is_set:
            setattr(thing, fields[key], value)
        return True, getattr(thing, fields[key])

    def _value(self, thing: object, key: str) -> float:
        if thing is None:
            return 0.0
        if key not in thing.values:
            self.violation(f"unknown value key {key}")
        return float(thing.values.get(key, 0.0))

    def _set_value(self, thing: object, key: str, value: float) -> bool:
        if thing is None:
            return False
        if key not in thing.values:
            self.violation(f"unknown value key {key}")
        thing.values[key] = value
        return True

    # items
    def CountMediaItems(self, project: int) -> int:
        return len(self.project_at(project).items())

    def GetMediaItem(self, project: int, index: int) -> int:
        items = self.project_at(project).items()
        return self.pointer("MediaItem*", items[index] if 0 <= index < len(items) else None)

    def CountTrackMediaItems(self, track: int) -> int:
        found = self.need(track, "MediaTrack*", "CountTrackMediaItems")
        return len(found.items) if found else 0

    def GetTrackMediaItem(self, track: int, index: int) -> int:
        found = self.need(track, "MediaTrack*", "GetTrackMediaItem")
        items = sorted(found.items, key=lambda i: i.start) if found else []
        return self.pointer("MediaItem*", items[index] if 0 <= index < len(items) else None)

    def _selected_items(self, project: int) -> list[Item]:
        return [i for i in self.project_at(project).items() if i.selected]

    def CountSelectedMediaItems(self, project: int) -> int:
        return len(self._selected_items(project))

    def GetSelectedMediaItem(self, project: int, index: int) -> int:
        found = self._selected_items(project)
        return self.pointer("MediaItem*", found[index] if 0 <= index < len(found) else None)

    def IsMediaItemSelected(self, item: int) -> bool:
        return self.need(item, "MediaItem*", "IsMediaItemSelected").selected

    def SetMediaItemSelected(self, item: int, selected: int) -> None:
        self.need(item, "MediaItem*", "SetMediaItemSelected").selected = bool(selected)

    def GetMediaItem_Track(self, item: int) -> int:
        found = self.need(item, "MediaItem*", "GetMediaItem_Track")
        return self.pointer("MediaTrack*", self.project.track_of(found) if found else None)

    def GetMediaItemInfo_Value(self, item: int, key: str) -> float:
        return self._value(self.need(item, "MediaItem*", "GetMediaItemInfo_Value"), key)

    def SetMediaItemInfo_Value(self, item: int, key: str, value: float) -> bool:
        return self._set_value(self.need(item, "MediaItem*", "SetMediaItemInfo_Value"), key, value)

    def GetSetMediaItemInfo_String(self, item: int, key: str, value: str, is_set: int):
        found = self.need(item, "MediaItem*", "GetSetMediaItemInfo_String")
        return self._string(found, {"P_NOTES": "notes", "GUID": "guid"}, key, value, is_set)

    def AddMediaItemToTrack(self, track: int) -> int:
        found = self.need(track, "MediaTrack*", "AddMediaItemToTrack")
        item = Item()
        found.items.append(item)
        return self.pointer("MediaItem*", item)

    def DeleteTrackMediaItem(self, track: int, item: int) -> bool:
        found = self.need(item, "MediaItem*", "DeleteTrackMediaItem")
        owner = self.need(track, "MediaTrack*", "DeleteTrackMediaItem")
        owner.items = [i for i in owner.items if i is not found]
        return True

    def SplitMediaItem(self, item: int, position: float) -> int:
        left = self.need(item, "MediaItem*", "SplitMediaItem")
        right = split(left, position)
        self.project.track_of(left).items.append(right)
        return self.pointer("MediaItem*", right)

    # takes
    def CountTakes(self, item: int) -> int:
        return len(self.need(item, "MediaItem*", "CountTakes").takes)

    def GetTake(self, item: int, index: int) -> int:
        takes = self.need(item, "MediaItem*", "GetTake").takes
        return self.pointer("MediaItem_Take*", takes[index] if 0 <= index < len(takes) else None)

    def GetActiveTake(self, item: int) -> int:
        found = self.need(item, "MediaItem*", "GetActiveTake")
        return self.pointer("MediaItem_Take*", found.takes[found.active] if found and found.takes else None)

    def SetActiveTake(self, take: int) -> None:
        found = self.need(take, "MediaItem_Take*", "SetActiveTake")
        for item in self.project.items():
            for index, other in enumerate(item.takes):
                if other is found:
                    item.active = index

    def AddTakeToMediaItem(self, item: int) -> int:
        found = self.need(item, "MediaItem*", "AddTakeToMediaItem")
        found.takes.append(Take())
        return self.pointer("MediaItem_Take*", found.takes[-1])

    def GetMediaItemTakeInfo_Value(self, take: int, key: str) -> float:
        return self._value(self.need(take, "MediaItem_Take*", "GetMediaItemTakeInfo_Value"), key)

    def SetMediaItemTakeInfo_Value(self, take: int, key: str, value: float) -> bool:
        return self._set_value(self.need(take, "MediaItem_Take*", "SetMediaItemTakeInfo_Value"), key, value)

    def GetSetMediaItemTakeInfo_String(self, take: int, key: str, value: str, is_set: int):
        found = self.need(take, "MediaItem_Take*", "GetSetMediaItemTakeInfo_String")
        return self._string(found, {"P_NAME": "name", "GUID": "guid"}, key, value, is_set)

    def GetTakeName(self, take: int) -> str:
        return self.need(take, "MediaItem_Take*", "GetTakeName").name

    def TakeIsMIDI(self, take: int) -> bool:
        source = self.need(take, "MediaItem_Take*", "TakeIsMIDI").source
        return bool(source and source.kind == "MIDI")

    def GetTakeNumStretchMarkers(self, take: int) -> int:
        return self.need(take, "MediaItem_Take*", "GetTakeNumStretchMarkers").stretch_markers

    def CountTakeEnvelopes(self, take: int) -> int:
        return self.need(take, "MediaItem_Take*", "CountTakeEnvelopes").envelopes

    def TakeFX_GetCount(self, take: int) -> int:
        return len(self.need(take, "MediaItem_Take*", "TakeFX_GetCount").fx)

    def TakeFX_CopyToTake(self, take: int, index: int, target: int, at: int, move: int) -> None:
        source = self.need(take, "MediaItem_Take*", "TakeFX_CopyToTake")
        self.need(target, "MediaItem_Take*", "TakeFX_CopyToTake").fx.insert(at, source.fx[index])

    # sources
    def GetMediaItemTake_Source(self, take: int) -> int:
        found = self.need(take, "MediaItem_Take*", "GetMediaItemTake_Source")
        return self.pointer("PCM_source*", found.source if found else None)

    def SetMediaItemTake_Source(self, take: int, source: int) -> bool:
        found = self.need(take, "MediaItem_Take*", "SetMediaItemTake_Source")
        found.source = self.need(source, "PCM_source*", "SetMediaItemTake_Source")
        return True

    def PCM_Source_CreateFromFile(self, path: str) -> int:
        try:
            source_info(path)
        except (OSError, RuntimeError):
            return 0
        return self.pointer("PCM_source*", Source(path))

    def PCM_Source_Destroy(self, source: int) -> None:
        found = self.need(source, "PCM_source*", "PCM_Source_Destroy")
        if any(t.source is found for i in self.project.items() for t in i.takes):
            self.violation("PCM_Source_Destroy: the source is in use")
        self.forget(found)

    def PCM_Source_BuildPeaks(self, source: int, mode: int) -> int:
        self.need(source, "PCM_source*", "PCM_Source_BuildPeaks")
        return 100 if mode == 0 else 0

    def GetMediaSourceFileName(self, source: int, buffer: str, size: int):
        found = self.need(source, "PCM_source*", "GetMediaSourceFileName")
        return None, found.path if found and found.kind != "SECTION" else ""

    def GetMediaSourceLength(self, source: int, is_qn: int):
        found = self.need(source, "PCM_source*", "GetMediaSourceLength")
        return (source_info(found.path)[0] if os.path.exists(found.path) else 3600.0), 0

    def GetMediaSourceType(self, source: int, buffer: str, size: int):
        found = self.need(source, "PCM_source*", "GetMediaSourceType")
        return None, "SECTION" if found.section else found.kind

    def GetMediaSourceSampleRate(self, source: int) -> int:
        return source_info(self.need(source, "PCM_source*", "GetMediaSourceSampleRate").path)[1]

    def GetMediaSourceNumChannels(self, source: int) -> int:
        found = self.need(source, "PCM_source*", "GetMediaSourceNumChannels")
        return source_info(found.path)[2] if os.path.exists(found.path) else 2

    def GetMediaFileMetadata(self, source: int, identifier: str, buffer: str, size: int):
        found = self.need(source, "PCM_source*", "GetMediaFileMetadata")
        value = found.metadata.get(identifier, "") if found else ""
        return len(value), value

    # audio accessors
    def CreateTrackAudioAccessor(self, track: int) -> int:
        found = self.need(track, "MediaTrack*", "CreateTrackAudioAccessor")
        return self.pointer("AudioAccessor*", Accessor(found))

    def CreateTakeAudioAccessor(self, take: int) -> int:
        found = self.need(take, "MediaItem_Take*", "CreateTakeAudioAccessor")
        return self.pointer("AudioAccessor*", Accessor(found))

    def DestroyAudioAccessor(self, accessor: int) -> None:
        self.forget(self.need(accessor, "AudioAccessor*", "DestroyAudioAccessor"))

    def GetAudioAccessorSamples(self, accessor: int, rate: int, channels: int, start: float, count: int, buf: int):
        found = self.need(accessor, "AudioAccessor*", "GetAudioAccessorSamples")
        if found is None:
            return -1, [0.0] * (channels * count)
        times = start + np.arange(count) / rate
        read = read_take if isinstance(found.target, Take) else read_track
        samples = read(found.target, times, channels)
        return int(bool(samples.any())), samples.reshape(-1).tolist()


def split(left: Item, position: float) -> Item:
    """Cuts an item in two as REAPER does; returns the right part, with GUIDs of its own."""
    right = copy.deepcopy(left)
    right.guid = new_guid()
    for take in right.takes:
        take.guid = new_guid()
        take.values["D_STARTOFFS"] += (position - left.start) * take.values["D_PLAYRATE"]
    right.values.update(D_POSITION=position, D_LENGTH=left.end - position)
    left.values["D_LENGTH"] = position - left.start
    return right
