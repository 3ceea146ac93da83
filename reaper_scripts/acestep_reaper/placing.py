"""Puts finished audio into the project: a new take, or an item on a new track. One undo point a batch.

Takes GUIDs and files; finds the item where it is now. Knows nothing of the daemon.
"""

import json

from reaper_python import *

from . import takes
from .errors import UserError
from .objects import (
    find_item,
    find_take,
    find_track,
    is_null,
    set_take_text,
    source_path,
    span,
    take_text,
    track_items,
    tracks,
    undo_block,
)
from .objects import takes as all_takes

FADE_SECONDS = 0.03
COLOUR = (98, 160, 214)


class Placed(object):
    """What a placing did: sources whose peaks are to be built, notices for the user."""

    def __init__(self):
        self.sources = []
        self.notices = []


def place(title, parts):
    """Places every part as one undo point; returns Placed."""
    placed = Placed()
    sources = _open_sources(parts)
    with undo_block(title):
        for part in parts:
            for index in range(len(part.files)):
                _place_one(part, index, sources[part.files[index]], placed)
    return placed


def _open_sources(parts):
    """Media sources of all files, opened before the undo block, so that a bad file changes nothing."""
    found = {}
    for part in parts:
        for path in part.files:
            source = RPR_PCM_Source_CreateFromFile(path)
            if is_null(source):
                raise UserError("REAPER cannot open %s" % path, "Look at the file; the job is kept")
            found[path] = source
    return found


def _place_one(part, index, source, placed):
    data = part.data
    homes = _homes(data) if data["mode"] == "take" else []
    if homes:
        for count, (item, old) in enumerate(homes):
            own = source if count == 0 else RPR_PCM_Source_CreateFromFile(part.files[index])
            _add_take(item, old, own, part, index)
            if count == 0 and index == 0:
                _stretch_item(item, data)
            placed.sources.append(own)
        _note(data, placed)
        return
    if data["mode"] == "take":
        data["notice"] = "The item is gone: placed on a new track"
    _add_item(part, index, source)
    placed.sources.append(source)
    _note(data, placed)


def _note(data, placed):
    if data.get("notice") and data["notice"] not in placed.notices:
        placed.notices.append(data["notice"])


# as a new take
def _homes(data):
    """(item, take) of every piece that now plays the region: moved and split items are followed."""
    item = find_item(data["item"])
    track = RPR_GetMediaItem_Track(item) if item else find_track(data["track"])
    if track is None or is_null(track):
        return []
    original = _playing(item, data) if item else None
    anchor = takes.anchor(item, original) if original else data["anchor"]
    found = [(item, original)] if original and _shows(item, original, data) else []
    for other in track_items(track):
        take = None if other == item else _playing(other, data)
        if take and abs(takes.anchor(other, take) - anchor) < 1e-4 and _shows(other, take, data):
            found.append((other, take))
    return found


def _playing(item, data):
    """The take of an item that the region was made for, or its copy with the same file."""
    take = find_take(item, data["take"])
    if take:
        return take
    active = RPR_GetActiveTake(item)
    return active if not is_null(active) and source_path(active) == data["source"] else None


def _shows(item, take, data):
    """Whether some of the region lies within the item."""
    start, end = span(item)
    first, last = takes.to_source(item, take, start), takes.to_source(item, take, end)
    return first < data["source_end"] - 1e-6 and last > data["source_start"] + 1e-6


def _add_take(item, old, source, part, index):
    take = RPR_AddTakeToMediaItem(item)
    RPR_SetMediaItemTake_Source(take, source)
    takes.copy_properties(old, take)
    _sign(take, part, index)
    set_take_text(take, "P_EXT:acestep_original", take_text(old, "GUID"))
    RPR_SetActiveTake(take)
    RPR_UpdateItemInProject(item)


def _stretch_item(item, data):
    """Moves an item's edges out to what was added before or after; its takes stay where they were."""
    before, after = data.get("extend_before", 0.0), data.get("extend_after", 0.0)
    if not before and not after:
        return
    start, end = span(item)
    RPR_SetMediaItemInfo_Value(item, "B_LOOPSRC", 0.0)
    RPR_SetMediaItemInfo_Value(item, "D_POSITION", start - before)
    RPR_SetMediaItemInfo_Value(item, "D_LENGTH", end - start + before + after)
    new = RPR_GetActiveTake(item)
    for take in all_takes(item):
        if before and not is_null(take) and take != new:
            offset = takes.value(take, "D_STARTOFFS") - before * takes.value(take, "D_PLAYRATE")
            RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", offset)


def _sign(take, part, index):
    """Name, colour and where it came from."""
    entry = part.results[index]
    number = " %d" % (index + 1) if len(part.files) > 1 else ""
    tags = entry.get("tags") or part.request.get("tags", "")
    set_take_text(take, "P_NAME", ("ACE-Step%s: %s" % (number, tags))[:120])
    set_take_text(take, "P_EXT:acestep_recipe", part.recipe(index))
    set_take_text(take, "P_EXT:acestep_job", "%s/%d" % (part.job_id, index))
    set_take_text(take, "P_EXT:acestep_model", json.dumps(entry.get("model") or {}))
    colour = RPR_ColorToNative(COLOUR[0], COLOUR[1], COLOUR[2]) | 0x1000000
    RPR_SetMediaItemTakeInfo_Value(take, "I_CUSTOMCOLOR", colour)


# as an item on a new track
def _new_track_below(track_guid, name):
    track = find_track(track_guid)
    index = int(RPR_GetMediaTrackInfo_Value(track, "IP_TRACKNUMBER")) if track else len(tracks())
    RPR_InsertTrackAtIndex(index, 0)
    new = RPR_GetTrack(0, index)
    RPR_GetSetMediaTrackInfo_String(new, "P_NAME", name, 1)
    return new


def _add_item(part, index, source):
    data = part.data
    start, end, fade = _extent(data, RPR_GetMediaSourceLength(source, 0)[0])
    track = _new_track_below(data["track"], ("ACE-Step " + data.get("name", "")).strip())
    item = RPR_AddMediaItemToTrack(track)
    take = RPR_AddTakeToMediaItem(item)
    RPR_SetMediaItemTake_Source(take, source)
    _copy_from_original(data, take)
    rate = data.get("rate") or 1.0
    offset = 0.0 if data.get("whole") else (start - data.get("anchor", start)) * rate
    RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", offset)
    RPR_SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", rate)
    for key, value in (("D_POSITION", start), ("D_LENGTH", end - start), ("B_LOOPSRC", 0.0),
                       ("D_FADEINLEN", fade), ("D_FADEOUTLEN", fade)):  # fmt: skip
        RPR_SetMediaItemInfo_Value(item, key, value)
    _sign(take, part, index)
    RPR_SetActiveTake(take)
    RPR_UpdateItemInProject(item)


def _extent(data, length):
    """(start, end, fade) of the new item in project seconds; the fades lie outside the region."""
    if data.get("whole"):
        return data["start"], data["start"] + length / (data.get("rate") or 1.0), 0.0
    fade = float(data.get("crossfade") or FADE_SECONDS)
    first, last = data["anchor"], data["anchor"] + length / (data.get("rate") or 1.0)
    return max(data["start"] - fade, first), min(data["end"] + fade, last), fade


def _copy_from_original(data, take):
    item = find_item(data["item"]) if data.get("item") else None
    old = find_take(item, data["take"]) if item else None
    if old and data.get("source"):
        takes.copy_properties(old, take)
