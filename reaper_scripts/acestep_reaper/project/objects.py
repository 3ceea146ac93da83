"""Tracks, items and takes by GUID, and an undo block. Pointers live no longer than one tick.

A text of REAPER's that is no UTF-8 is read as an empty one.
"""

import re
from contextlib import contextmanager

from reaper_python import *

from ..foreign_text import in_one_line
from ..paths import in_home
from .pointers import is_null, readable, valid

TEXT_BYTES = 4096


def tracks():
    return [RPR_GetTrack(0, i) for i in range(RPR_CountTracks(0))]


def items():
    return [RPR_GetMediaItem(0, i) for i in range(RPR_CountMediaItems(0))]


def track_items(track):
    return [RPR_GetTrackMediaItem(track, i) for i in range(RPR_CountTrackMediaItems(track))]


def takes(item):
    """All takes; an empty take is NULL."""
    return [RPR_GetTake(item, i) for i in range(RPR_CountTakes(item))]


def track_text(track, key):
    return readable(lambda: RPR_GetSetMediaTrackInfo_String(track, key, "", 0)[3])


def item_text(item, key):
    return readable(lambda: RPR_GetSetMediaItemInfo_String(item, key, "", 0)[3])


def take_text(take, key):
    return readable(lambda: RPR_GetSetMediaItemTakeInfo_String(take, key, "", 0)[3])


def set_take_text(take, key, value):
    RPR_GetSetMediaItemTakeInfo_String(take, key, value, 1)


def track_name(track):
    return readable(lambda: RPR_GetTrackName(track, "", TEXT_BYTES)[2])


_seen = {}  # GUID to the pointer it was last found at: a guess, checked before it is used


def remember(pointers):
    """Pointers that another script saw, by GUID."""
    _seen.update(pointers)


def seen():
    """What `remember` takes."""
    return dict(_seen)


_OURS = re.compile(r"^(?:ACE-Step(?: \d+)?:? *)+|(?: acestep \d+(?:\.\w+)?)+$")


def plain_name(name):
    """A name without what our results add to it ("ACE-Step 2: ...", " acestep 01.wav"): names do not grow."""
    return _OURS.sub("", name).strip() or name


def track_guid(track):
    guid = track_text(track, "GUID")
    _seen[guid] = track
    return guid


def item_guid(item):
    guid = item_text(item, "GUID")
    _seen[guid] = item
    return guid


def state():
    """A value that changes with every edit of the active project, and with the tab."""
    return RPR_EnumProjects(-1, "", 0)[0], RPR_GetProjectStateChangeCount(0)


_absent = {}  # GUID to the state in which nothing has it
_spans = {}  # a track's pointer to the state in which its items were looked at, and [(start, end, item)]


def remember_absent(guids):
    """That no item of the project has these GUIDs."""
    if guids:
        _absent.update(dict.fromkeys(guids, state()))


def remember_spans(track, spans):
    """The items of a track as [(start, end, item)], as they are now."""
    _spans[track] = (state(), spans)


def known_spans(track):
    """Whether the items of a track were looked at, and nothing has changed since."""
    return track in _spans and _spans[track][0] == state()


def forget_spans():
    """What scripts change without an undo point changes no state: before something is placed all is looked at again."""
    _spans.clear()


def _known(guid, kind, text):
    guess = _seen.get(guid)
    return guess if guess and valid(guess, kind) and text(guess, "GUID") == guid else None


def known_item(guid):
    """The item of a GUID by the pointer seen last; None where that has nothing."""
    return _known(guid, "MediaItem*", item_text)


def _find(guid, kind, text, every):
    """By the pointer seen last, else by looking at all of them: a call of about 50 us each."""
    pointer = _known(guid, kind, text)
    if pointer or guid in _absent and _absent[guid] == state():
        return pointer
    pointer = next((thing for thing in every() if text(thing, "GUID") == guid), None)
    if pointer:
        _seen[guid] = pointer
    else:
        _absent[guid] = state()
    return pointer


def find_track(guid):
    """The track of a GUID in the active project, or None."""
    return _find(guid, "MediaTrack*", track_text, tracks) if guid else None


def find_item(guid):
    """The item of a GUID in the active project, or None."""
    return _find(guid, "MediaItem*", item_text, items) if guid else None


def find_take(item, guid):
    return next((t for t in takes(item) if not is_null(t) and take_text(t, "GUID") == guid), None)


def take_anywhere(guid):
    """(item, take) of a take's GUID in the active project, or None: each item is looked at."""
    found = ((item, find_take(item, guid)) for item in items()) if guid else ()
    return next(((item, take) for item, take in found if take), None)


def span(item):
    """(start, end) of an item in seconds of the project."""
    start = RPR_GetMediaItemInfo_Value(item, "D_POSITION")
    return start, start + RPR_GetMediaItemInfo_Value(item, "D_LENGTH")


def items_between(track, start, end):
    """The items of a track that play some of a range."""
    if not known_spans(track):
        return [item for item in track_items(track) if _meets(item, start, end)]
    near = [item for first, last, item in _spans[track][1] if first < end - 1e-6 and last > start + 1e-6]
    return [item for item in near if valid(item, "MediaItem*") and _meets(item, start, end)]


def _meets(item, start, end):
    first = RPR_GetMediaItemInfo_Value(item, "D_POSITION")
    return first < end - 1e-6 and first + RPR_GetMediaItemInfo_Value(item, "D_LENGTH") > start + 1e-6


def lane_hidden(item):
    """Whether an item lies in a lane that was switched off (fixed lanes given up): it is neither seen nor heard."""
    return RPR_GetMediaItemInfo_Value(item, "C_LANEPLAYS") < 0


def lane_plays(item):
    """Whether the item's lane is heard: C_LANEPLAYS is 1 (alone) or 2 (with others), 0 counts on fixed lanes only."""
    plays = RPR_GetMediaItemInfo_Value(item, "C_LANEPLAYS")
    if plays:
        return plays > 0
    return RPR_GetMediaTrackInfo_Value(RPR_GetMediaItem_Track(item), "I_FREEMODE") != FIXED_LANES


OFFLINE = "OFFLINEWAVE"
FIXED_LANES = 2


def source_kind(take):
    """What REAPER calls the take's media, such as WAVE or VIDEO; an empty text without any."""
    if is_null(take):
        return ""
    source = RPR_GetMediaItemTake_Source(take)
    return "" if is_null(source) else RPR_GetMediaSourceType(source, "", 64)[1]


def source_path(take):
    """The file that a take plays, or an empty text."""
    if is_null(take):
        return ""
    source = RPR_GetMediaItemTake_Source(take)
    return "" if is_null(source) else readable(lambda: RPR_GetMediaSourceFileName(source, "", TEXT_BYTES)[1])


def selected_items():
    return [RPR_GetSelectedMediaItem(0, i) for i in range(RPR_CountSelectedMediaItems(0))]


def selected_tracks():
    return [RPR_GetSelectedTrack2(0, i, 0) for i in range(RPR_CountSelectedTracks2(0, 0))]


def media_folder():
    """Where the project's media lies; REAPER's default place for an unsaved one."""
    return readable(lambda: RPR_GetProjectPathEx(0, "", TEXT_BYTES)[1]) or in_home("media")


def recording():
    return bool(RPR_GetPlayStateEx(0) & 4)


_undo_points = []  # of this run of the script


def undo_points():
    """How many undo points this run of the script made."""
    return len(_undo_points)


@contextmanager
def undo_block(description, flags=-1):
    """One undo point with the screen held still; both ends lie in one tick."""
    _undo_points.append(description)
    RPR_PreventUIRefresh(1)
    RPR_Undo_BeginBlock2(0)
    try:
        yield
    finally:
        RPR_Undo_EndBlock2(0, in_one_line(description), flags)
        RPR_PreventUIRefresh(-1)
        RPR_UpdateArrange()
