"""Tracks, items and takes by GUID, and an undo block. Pointers live no longer than one tick.

A pointer is a string such as (MediaTrack*)0x00000000012AB3C0; NULL is one too, so `is_null`
tests the number.
"""

import uuid
from contextlib import contextmanager

from reaper_python import *

TEXT_BYTES = 4096


def is_null(pointer):
    """Whether a pointer string is NULL."""
    return not pointer or int(str(pointer).rpartition("0x")[2] or "0", 16) == 0


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
    return RPR_GetSetMediaTrackInfo_String(track, key, "", 0)[3]


def item_text(item, key):
    return RPR_GetSetMediaItemInfo_String(item, key, "", 0)[3]


def take_text(take, key):
    return RPR_GetSetMediaItemTakeInfo_String(take, key, "", 0)[3]


def set_take_text(take, key, value):
    RPR_GetSetMediaItemTakeInfo_String(take, key, value, 1)


def track_name(track):
    return RPR_GetTrackName(track, "", TEXT_BYTES)[2]


def find_track(guid):
    """The track of a GUID in the active project, or None."""
    return next((t for t in tracks() if track_text(t, "GUID") == guid), None)


def find_item(guid):
    return next((i for i in items() if item_text(i, "GUID") == guid), None)


def find_take(item, guid):
    return next((t for t in takes(item) if not is_null(t) and take_text(t, "GUID") == guid), None)


def span(item):
    """(start, end) of an item in seconds of the project."""
    start = RPR_GetMediaItemInfo_Value(item, "D_POSITION")
    return start, start + RPR_GetMediaItemInfo_Value(item, "D_LENGTH")


def source_path(take):
    """The file that a take plays, or an empty text."""
    if is_null(take):
        return ""
    source = RPR_GetMediaItemTake_Source(take)
    return "" if is_null(source) else RPR_GetMediaSourceFileName(source, "", TEXT_BYTES)[1]


def project_id():
    """An id of the active project that is kept in the project itself."""
    found = RPR_GetProjExtState(0, "acestep", "project_id", "", TEXT_BYTES)[4]
    if not found:
        found = uuid.uuid4().hex
        RPR_SetProjExtState(0, "acestep", "project_id", found)
    return found


def project_id_if_any():
    return RPR_GetProjExtState(0, "acestep", "project_id", "", TEXT_BYTES)[4]


def project_file():
    return RPR_EnumProjects(-1, "", TEXT_BYTES)[2]


def media_folder():
    """Where the project's media lies; REAPER's default place for an unsaved one."""
    return RPR_GetProjectPathEx(0, "", TEXT_BYTES)[1]


def recording():
    return bool(RPR_GetPlayStateEx(0) & 4)


@contextmanager
def undo_block(description, flags=-1):
    """One undo point with the screen held still; both ends lie in one tick."""
    RPR_PreventUIRefresh(1)
    RPR_Undo_BeginBlock2(0)
    try:
        yield
    finally:
        RPR_Undo_EndBlock2(0, description, flags)
        RPR_PreventUIRefresh(-1)
        RPR_UpdateArrange()
