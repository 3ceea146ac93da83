"""API functions about projects, selection, tempo, markers, undo and external state."""

from __future__ import annotations

import os

from .audio import source_info
from .core import Core
from .model import Item, Project, Track
from .tempo import TempoMap


class ProjectApi(Core):
    """Projects, their tabs and everything in them that is neither track nor item."""

    def __init__(self) -> None:
        super().__init__()
        self.ext_state: dict[tuple[str, str], str] = {}
        self.persistent: set[tuple[str, str]] = set()
        self.render_result: list[str] = []

    # tabs
    def EnumProjects(self, index: int, buffer: str, size: int):
        if index == -1:
            index = self.active
        if not 0 <= index < len(self.projects):
            return 0, ""
        return self.pointer("ReaProject*", self.projects[index]), self.projects[index].path

    def GetProjectPathEx(self, project: int, buffer: str, size: int):
        return None, self.project_at(project).folder

    def GetProjectName(self, project: int, buffer: str, size: int):
        return None, os.path.basename(self.project_at(project).path)

    def GetProjectStateChangeCount(self, project: int) -> int:
        return self.project_at(project).changes

    def MarkProjectDirty(self, project: int) -> None:
        self.project_at(project).dirty = True

    def GetSetProjectInfo(self, project: int, key: str, value: float, is_set: int) -> float:
        info = self.project_at(project).info
        if is_set:
            info[key] = value
        return float(info.get(key, 0.0))

    def GetSetProjectInfo_String(self, project: int, key: str, value: str, is_set: int):
        strings = self.project_at(project).strings
        if is_set:
            strings[key] = value
        return True, strings.get(key, "")

    # external state
    def GetExtState(self, section: str, key: str) -> str:
        return self.ext_state.get((section, key), "")

    def HasExtState(self, section: str, key: str) -> bool:
        return (section, key) in self.ext_state

    def SetExtState(self, section: str, key: str, value: str, persist: int) -> None:
        if persist and "\n" in value:
            self.violation(f"SetExtState {section}/{key}: newline in a persistent value")
        self.ext_state[section, key] = value
        if persist:
            self.persistent.add((section, key))

    def DeleteExtState(self, section: str, key: str, persist: int) -> None:
        self.ext_state.pop((section, key), None)

    def GetProjExtState(self, project: int, name: str, key: str, buffer: str, size: int):
        value = self.project_at(project).ext.get((name, key), "")
        return len(value), value

    def SetProjExtState(self, project: int, name: str, key: str, value: str) -> int:
        self.project_at(project).ext[name, key] = value
        return len(value)

    # selection and transport
    def GetSet_LoopTimeRange2(self, project: int, is_set: int, is_loop: int, start: float, end: float, seek: int):
        found = self.project_at(project)
        if is_set:
            found.time_selection = (start, end)
        return None, *found.time_selection

    def GetCursorPositionEx(self, project: int) -> float:
        return self.project_at(project).cursor

    def GetPlayStateEx(self, project: int) -> int:
        return self.project_at(project).play_state

    def GetPlayPosition2Ex(self, project: int) -> float:
        return self.project_at(project).play_position

    def Master_GetPlayRate(self, project: int) -> float:
        return self.project_at(project).play_rate

    def GetProjectTimeOffset(self, project: int, rounded: int) -> float:
        return self.project_at(project).start_time

    def format_timestr_pos(self, time: float, buffer: str, size: int, mode: int):
        """Minutes and seconds, as the ruler shows them."""
        shown = time + self.project.start_time
        return None, f"{int(shown // 60)}:{shown % 60:06.3f}"

    # tempo
    def _map(self, project: int) -> TempoMap:
        return TempoMap(self.project_at(project).content.tempo)

    def CountTempoTimeSigMarkers(self, project: int) -> int:
        return len(self.project_at(project).content.tempo)

    def GetTempoTimeSigMarker(self, project: int, index: int, *outs: float):
        markers = self.project_at(project).content.tempo
        if not 0 <= index < len(markers):
            return (False,)
        marker, tempo_map = markers[index], self._map(project)
        qn = tempo_map.to_qn(marker.time)
        measure, start, _, den = tempo_map.measure_at(qn)
        return (True, marker.time, measure, (qn - start) * den / 4, marker.bpm, marker.numerator,
                marker.denominator, int(marker.linear))  # fmt: skip

    def FindTempoTimeSigMarker(self, project: int, time: float) -> int:
        markers = self.project_at(project).content.tempo
        return max([i for i, m in enumerate(markers) if m.time <= time + 1e-9], default=-1)

    def TimeMap_GetTimeSigAtTime(self, project: int, time: float, *outs: float):
        tempo_map = self._map(project)
        _, _, num, den = tempo_map.measure_at(tempo_map.to_qn(time))
        return None, num, den, tempo_map.bpm(time)

    def TimeMap2_timeToBeats(self, project: int, time: float, *outs: float):
        tempo_map = self._map(project)
        qn = tempo_map.to_qn(time)
        measure, start, num, den = tempo_map.measure_at(qn)
        return (qn - start) * den / 4, measure, num, qn * den / 4, den

    def TimeMap_GetMeasureInfo(self, project: int, measure: int, *outs: float):
        tempo_map = self._map(project)
        qn, num, den = tempo_map.measure(measure)
        time = tempo_map.to_time(qn)
        return time, qn, qn + num * 4 / den, num, den, tempo_map.bpm(time)

    # markers: the wrapper drops the name; the C function gives it
    def EnumProjectMarkers3(self, project: int, index: int, *outs: float):
        markers = self.project_at(project).content.markers
        if not 0 <= index < len(markers):
            return (0,)
        m = markers[index]
        return index + 1, int(m.end is not None), m.position, m.end or 0.0, m.name, m.number, 0

    def NF_GetSWSMarkerRegionSub(self, index: int) -> str:
        """Of the SWS extension: a marker's or region's notes."""
        markers = self.project.content.markers
        return markers[index].notes if 0 <= index < len(markers) else ""

    # undo
    def Undo_BeginBlock2(self, project: int) -> None:
        found = self.project_at(project)
        if found.block is not None:
            self.violation("Undo_BeginBlock2: a block is open")
        found.block = ("", found.content)

    def Undo_EndBlock2(self, project: int, description: str, flags: int) -> None:
        found = self.project_at(project)
        if found.block is None:
            self.violation("Undo_EndBlock2: no block is open")
            return
        found.block = None
        before = found.history[found.position][1]
        if flags != -1 and [t.guid for t in before.tracks] != [t.guid for t in found.tracks]:
            self.violation(f"undo block {description!r} changes tracks but has flags {flags}")
        now = {item.guid: item for item in found.items()}
        for item in [i for t in before.tracks for i in t.items]:
            if item.guid in now and self.held(found, item) and now[item.guid] != item:
                self.violation(f"undo block {description!r} changes a locked item")
        if found.unmarked:
            found.mark(description)
        else:
            self.violation(f"undo block {description!r} changes nothing")

    def Undo_DoUndo2(self, project: int) -> int:
        return int(self.project_at(project).move_in_history(-1))

    def Undo_DoRedo2(self, project: int) -> int:
        return int(self.project_at(project).move_in_history(1))

    def Undo_CanUndo2(self, project: int) -> str:
        names = self.project_at(project).undo_names
        return names[-1] if names else ""


def add_audio(project: Project, path: str, position: float = 0.0, track_name: str = "") -> Item:
    """A new track with one item that plays a whole file: the tests' usual start, as an undo point."""
    from .model import Source, Take

    item = Item(takes=[Take(source=Source(path), name=os.path.basename(path))])
    item.values.update(D_POSITION=position, D_LENGTH=source_info(path)[0])
    project.tracks.append(Track(name=track_name or os.path.basename(path), items=[item]))
    project.mark("Insert media items")
    return item
