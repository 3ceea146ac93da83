"""What an action works on: the first kind that exists of razor areas, selected items, items of
selected tracks under the time selection, the item under the edit cursor.

A target is a JSON object {track, item, take, start, end, name}: GUIDs and project seconds. `item`
is empty where a track has a gap. Knows nothing of rendering.
"""

from reaper_python import *

from . import tempo
from .errors import UserError
from .objects import is_null, item_text, items, span, take_text, track_items, track_name, track_text, tracks

NOTHING = "Nothing to regenerate"
HOW = "Select a time range and a track, or items, or make a razor area"


def time_selection():
    """(start, end), or None."""
    _, _, _, start, end, _ = RPR_GetSet_LoopTimeRange2(0, 0, 0, 0.0, 0.0, 0)
    return (start, end) if end > start else None


def _skip_reason(item):
    take = RPR_GetActiveTake(item)
    if is_null(take):
        return "is empty"
    if int(RPR_GetMediaItemInfo_Value(item, "C_LOCK")) & 1:
        return "is locked"
    if RPR_GetMediaItemInfo_Value(item, "B_MUTE"):
        return "is muted"
    lanes = RPR_GetMediaTrackInfo_Value(RPR_GetMediaItem_Track(item), "I_FREEMODE") == 2
    if lanes and not RPR_GetMediaItemInfo_Value(item, "C_LANEPLAYS"):
        return "is in a lane that does not play"
    return ""


def item_target(item, start, end):
    """The target of an item, clipped to it; None where they do not meet."""
    first, last = span(item)
    first, last = max(first, start), min(last, end)
    if last - first < 1e-6:
        return None
    take, track = RPR_GetActiveTake(item), RPR_GetMediaItem_Track(item)
    return {"track": track_text(track, "GUID"), "item": item_text(item, "GUID"),
            "take": take_text(take, "GUID"), "start": first, "end": last,
            "name": take_text(take, "P_NAME") or track_name(track)}  # fmt: skip


def gap_target(track, start, end):
    """A range of a track without an item."""
    return {"track": track_text(track, "GUID"), "item": "", "take": "", "start": start, "end": end,
            "name": track_name(track)}  # fmt: skip


class Search(object):
    """Collects targets and the names of what was left out."""

    def __init__(self, snap):
        self.snap = snap
        self.found = []
        self.skipped = []

    def add_item(self, item, start, end):
        reason = _skip_reason(item)
        if reason:
            self.skipped.append("An item at %.2f s %s" % (span(item)[0], reason))
            return
        target = item_target(item, start, end)
        if target:
            self.found.append(target)

    def add_track(self, track, start, end):
        """The items of a track in a range; one gap target where there is none."""
        inside = [i for i in track_items(track) if span(i)[0] < end - 1e-6 and span(i)[1] > start + 1e-6]
        for item in inside:
            self.add_item(item, start, end)
        if not inside:
            self.found.append(gap_target(track, start, end))

    def range(self, start, end):
        return tempo.snapped(start, end) if self.snap else (start, end)


def _razors(track):
    """Audio razor areas of a track as (start, end); envelope areas carry a GUID."""
    text = track_text(track, "P_RAZOREDITS_EXT")
    found = []
    for part in text.split(","):
        fields = part.split()
        if len(fields) >= 2 and (len(fields) < 3 or fields[2] == '""'):
            found.append((float(fields[0]), float(fields[1])))
    return found


def _from_razors(search):
    for track in tracks():
        for start, end in _razors(track):
            search.add_track(track, *search.range(start, end))


def _from_items(search):
    selection = time_selection()
    for item in items():
        if RPR_IsMediaItemSelected(item):
            start, end = search.range(*selection) if selection else span(item)
            search.add_item(item, start, end)


def _from_tracks(search):
    selection = time_selection()
    if not selection:
        return
    for i in range(RPR_CountSelectedTracks2(0, 0)):
        search.add_track(RPR_GetSelectedTrack2(0, i, 0), *search.range(*selection))


def _from_cursor(search):
    cursor, selection = RPR_GetCursorPositionEx(0), time_selection()
    for item in items():
        start, end = span(item)
        if start <= cursor < end and not _skip_reason(item):
            search.add_item(item, *(search.range(*selection) if selection else (start, end)))
            return


def find(snap=True):
    """(targets, notes about what was skipped); UserError when there is nothing."""
    skipped = []
    for look in (_from_razors, _from_items, _from_tracks, _from_cursor):
        search = Search(snap)
        look(search)
        skipped += search.skipped
        if search.found:
            return search.found, skipped
    raise UserError(skipped[0] if skipped else NOTHING, HOW)


def one_item():
    """The selected item, or the one under the edit cursor; UserError when there is none."""
    for item in items():
        if RPR_IsMediaItemSelected(item):
            return item
    cursor = RPR_GetCursorPositionEx(0)
    for item in items():
        if span(item)[0] <= cursor < span(item)[1]:
            return item
    raise UserError("No item is selected", "Select one, or put the edit cursor on it")
