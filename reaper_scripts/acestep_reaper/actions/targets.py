"""What an action works on: the first kind that exists of razor areas, selected items, items of
selected tracks under the time selection, the item under the edit cursor.

Knows nothing of rendering.
"""

from dataclasses import replace

from reaper_python import *

from ..errors import UserError
from ..jobs.target import Target
from ..project import locks, tempo
from ..project.objects import (
    OFFLINE,
    is_null,
    item_guid,
    items,
    items_between,
    lane_hidden,
    lane_plays,
    plain_name,
    selected_items,
    selected_tracks,
    source_kind,
    span,
    take_text,
    track_guid,
    track_name,
    track_text,
    tracks,
)
from ..results.lanes import heard

LARGEST_GAP_SECONDS = 10.0  # further apart, items would not see each other in the model's context
LONGEST_SECONDS = 240.0  # what the model makes at once
ON_NEW_TRACK = "%s: the result comes on a new track"
NOTHING = "Nothing to regenerate"
OUTSIDE = "lies outside the time selection"
HOW_OUTSIDE = "Select a range over it, or unselect it to regenerate another one"
HOW = "Select a time range and a track, or items, or make a razor area"


def time_selection():
    """(start, end), or None."""
    _, _, _, start, end, _ = RPR_GetSet_LoopTimeRange2(0, 0, 0, 0.0, 0.0, 0)
    return (start, end) if end > start else None


def _skip_reason(item):
    take = RPR_GetActiveTake(item)
    if is_null(take):
        return "is empty"
    if RPR_GetMediaItemInfo_Value(item, "B_MUTE"):
        return "is muted"
    if not lane_plays(item):
        return "is in a lane that does not play"
    if source_kind(take) == OFFLINE:
        return "is offline (its file is missing)"
    return ""


def item_target(item, start, end):
    """The target of an item, clipped to it; None where they do not meet."""
    first, last = span(item)
    first, last = max(first, start), min(last, end)
    if last - first < 1e-6:
        return None
    take, track = RPR_GetActiveTake(item), RPR_GetMediaItem_Track(item)
    name = plain_name(take_text(take, "P_NAME") or track_name(track))
    return Target(track_guid(track), item_guid(item), take_text(take, "GUID"), first, last, name)


def gap_target(track, start, end):
    """A range of a track without an item."""
    return Target(track_guid(track), "", "", start, end, plain_name(track_name(track)))


def on_new_track(target, reason):
    """The target of an item that must stay as it is."""
    return replace(target, mode="track", notice=ON_NEW_TRACK % reason)


def joined(targets):
    """Neighbours on a track as one target, rendered over their span: `pieces` are their [item, take] GUIDs."""
    groups = []
    for target in sorted(targets, key=lambda t: (t.track, t.start)):
        last = groups[-1] if groups else None
        if last and _neighbours(last, target):
            last.pieces = (last.pieces or [[last.item, last.take]]) + [[target.item, target.take]]
            last.end = max(last.end, target.end)
        else:
            groups.append(replace(target))
    order = [t.track for t in targets]
    return sorted(groups, key=lambda t: (order.index(t.track), t.start))


def _neighbours(group, target):
    near = target.start - group.end <= LARGEST_GAP_SECONDS
    short = max(target.end, group.end) - group.start <= LONGEST_SECONDS
    return bool(group.item and target.item and group.track == target.track and near and short)


def _on_ruler(time):
    """A project time as the user's ruler shows it: with the project's start time, in its unit."""
    return RPR_format_timestr_pos(time, "", 64, -1)[1]


class Search(object):
    """Collects targets and the names of what was left out.

    Locked items are targets only where they are not to be changed (`reads_only`), or are all there is.
    """

    def __init__(self, snap, reads_only=False):
        self.snap = snap
        self.found = []
        self.skipped = []
        self.chosen = False  # whether the user chose things of this kind, usable or not
        self._reads_only = reads_only
        self._locked = []  # targets on new tracks
        self._held = []  # what is said of them where there are others

    @property
    def targets(self):
        """What was found, neighbours joined; UserError-free, may be empty."""
        return joined(self.found or self._locked)

    @property
    def notes(self):
        """What was left out."""
        return self.skipped + (self._held if self.found else [])

    def add_item(self, item, start, end):
        reason = _skip_reason(item)
        target = None if reason else item_target(item, start, end)
        if not target:
            self.skipped.append("An item at %s %s" % (_on_ruler(span(item)[0]), reason or OUTSIDE))
            return
        reason = "" if self._reads_only else locks.why(item)
        if reason:
            self._locked.append(on_new_track(target, reason))
            self._held.append("An item at %s is left alone: %s" % (_on_ruler(span(item)[0]), reason))
        else:
            self.found.append(target)

    def add_track(self, track, start, end, lanes=None):
        """The items of a track in a range (and in `lanes`, top and bottom); one gap target where there is none."""
        inside = [i for i in items_between(track, start, end) if not lane_hidden(i)]
        inside = [i for i in inside if lanes is None or _in_lanes(i, lanes)]
        for item in inside:
            self.add_item(item, start, end)
        if not inside:
            self.found.append(gap_target(track, start, end))

    def range(self, start, end):
        return tempo.snapped(start, end) if self.snap else (start, end)


def _in_lanes(item, lanes):
    """Whether an item of a track with lanes lies between two heights of 0 to 1."""
    top = RPR_GetMediaItemInfo_Value(item, "F_FREEMODE_Y")
    bottom = top + RPR_GetMediaItemInfo_Value(item, "F_FREEMODE_H")
    return top < lanes[1] - 1e-4 and bottom > lanes[0] + 1e-4


def _razors(track):
    """Audio razor areas of a track as (start, end, lanes or None); envelope areas carry a GUID."""
    text = track_text(track, "P_RAZOREDITS_EXT")
    areas = []
    for part in text.split(","):
        fields = part.split()
        if len(fields) >= 2 and (len(fields) < 3 or fields[2] == '""'):
            lanes = (float(fields[3]), float(fields[4])) if len(fields) >= 5 else None
            areas.append((float(fields[0]), float(fields[1]), lanes))
    return areas


def _from_razors(search):
    for track in tracks():
        for start, end, lanes in _razors(track):
            search.chosen = True
            start, end = search.range(start, end)
            search.add_track(track, start, end, lanes)


def _from_items(search):
    selection = time_selection()
    for item in heard_items():
        search.chosen = True
        start, end = search.range(*selection) if selection else span(item)
        search.add_item(item, start, end)


def _from_tracks(search):
    selection = time_selection()
    if selection:
        for track in selected_tracks():
            search.add_track(track, *search.range(*selection))


def _from_cursor(search):
    selection = time_selection()
    for item in items_under_cursor():
        if not _skip_reason(item):
            search.add_item(item, *(search.range(*selection) if selection else span(item)))
            return


def _over(item, time):
    return RPR_GetMediaItemInfo_Value(item, "D_POSITION") <= time < span(item)[1]


def items_under_cursor():
    """Items under the edit cursor: selected ones first, then those of selected tracks, then the others."""
    cursor = RPR_GetCursorPositionEx(0)
    under = [i for i in items() if _over(i, cursor) and not lane_hidden(i)]
    chosen = selected_tracks()

    def rank(item):
        if RPR_IsMediaItemSelected(item):
            return 0
        return 1 if RPR_GetMediaItem_Track(item) in chosen else 2

    return sorted(under, key=rank)


def find(snap=True, reads_only=False):
    """(targets, notes about what was skipped); UserError when there is nothing."""
    skipped = []
    for look in (_from_razors, _from_items, _from_tracks, _from_cursor):
        search = Search(snap, reads_only)
        look(search)
        skipped += [note for note in search.notes if note not in skipped]
        if search.targets:
            return search.targets, skipped
        if search.chosen:  # never another item than the one that was chosen
            break
    if not skipped:
        raise UserError(NOTHING, HOW)
    raise UserError(skipped[0], HOW_OUTSIDE if skipped[0].endswith(OUTSIDE) else HOW)


def heard_items():
    """The selected items, each once; of one whose version on another lane plays instead, that version."""
    items = [heard(item) for item in selected_items()]
    return [item for index, item in enumerate(items) if item not in items[:index]]


def one_item():
    """The selected item, or the one under the edit cursor; UserError when there is none."""
    return _first(heard_items() or items_under_cursor())


def cursor_item():
    """The item under the edit cursor, or else the selected one; UserError when there is none."""
    return heard(_first(items_under_cursor() or selected_items()))


def _first(targets):
    if not targets:
        raise UserError("No item is selected", "Select one, or put the edit cursor on it")
    return targets[0]
