"""Puts finished audio into the project: new takes, or items on a new track. One undo point a batch.

Takes GUIDs and files; finds the items where they are now. Knows nothing of the daemon.
"""

import json

from reaper_python import *

from ..errors import UserError
from ..project import locks, takes
from ..project.objects import (
    find_item,
    find_take,
    find_track,
    is_null,
    item_text,
    items_between,
    lane_plays,
    set_take_text,
    source_path,
    span,
    take_text,
    undo_block,
)
from ..project.objects import takes as all_takes
from . import new_items

COLOUR = (98, 160, 214)
GONE = "The item, or the range in it, is gone: placed on a new track"
LOCKED = "%s: placed on a new track"
LEFT = "%s: left as it is"


class Placed(object):
    """What a placing did: sources whose peaks are to be built, notices for the user."""

    def __init__(self):
        self.sources = []
        self.notices = []

    def note(self, text):
        if text and text not in self.notices:
            self.notices.append(text)


def place(title, parts):
    """Places every part as one undo point; returns Placed."""
    placed = Placed()
    sources = _open_sources(parts)
    for part in parts:
        part.keep_files()
    with undo_block(title):
        layout = new_items.Layout()
        for part in parts:
            _place_part(part, sources, placed, layout)
        layout.lanes.finish(placed.note)
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


def _place_part(part, sources, placed, layout):
    homes = _homes_of(part.data, placed) if part.data["mode"] == "take" else []
    made = [layout.lanes.homes(homes, index) for index in range(len(part.files))]
    for index, path in enumerate(part.files):
        for count, home in enumerate(made[index]):
            source = sources[path] if count == 0 else RPR_PCM_Source_CreateFromFile(path)
            _add_take(home, source, part, index)
            placed.sources.append(source)
    if homes:
        first = [found[0][0] for found in made]  # one item, or one a result on lanes
        for item in sorted(set(first), key=first.index):
            _stretch_item(item, part.data, first.count(item))
    else:
        placed.sources += new_items.add(part, sources, layout, _sign)
    placed.note(part.data.get("notice"))


# where the region plays now
def _homes_of(data, placed):
    """(item, take, view) of every piece that now plays the region: moved and split items are followed.

    `view` is the client_data as that item sees it.
    """
    if data.get("into"):
        item = find_item(data["item"])
        take = find_take(item, data["take"]) if item else None
        found = [(item, take, data)] if take else []
    elif data.get("kind") == "group":
        found = [home for piece in data["pieces"] for home in _homes(dict(data, **piece))]
    elif data.get("extend_before") or data.get("extend_after"):
        found = [home for home in _homes(data) if item_text(home[0], "GUID") == data["item"]]
    else:
        found = _homes(data)
    return _unlocked(found, data, placed)


def _unlocked(found, data, placed):
    edges = bool(data.get("extend_before") or data.get("extend_after"))
    reasons = [locks.why(home[0], edges) for home in found]
    free = [home for home, reason in zip(found, reasons) if not reason]
    for reason in sorted(set(reasons) - {""}):
        placed.note((LEFT if free else LOCKED) % reason)
    if not found:
        placed.note(GONE)
    return free


def _homes(data):
    item = find_item(data["item"])
    track = RPR_GetMediaItem_Track(item) if item else find_track(data["track"])
    if track is None or is_null(track):
        return []
    original = _playing(item, data) if item else None
    anchor = takes.anchor(item, original) if original else data["anchor"]
    found = [(item, original, data)] if original and _shows(item, original, data) else []
    rate = data.get("rate") or 1.0
    for other in items_between(track, anchor + data["source_start"] / rate, anchor + data["source_end"] / rate):
        take = None if other == item else _copy_in(other, data, anchor)
        if take:
            found.append((other, take, data))
    return found


def _playing(item, data):
    """The take of an item that the region was made for, or its copy with the same file."""
    take = find_take(item, data["take"])
    if take:
        return take
    active = RPR_GetActiveTake(item)
    return active if not is_null(active) and data["source"] and source_path(active) == data["source"] else None


def _copy_in(item, data, anchor):
    """The copy of the region's take in another piece of a split item that plays some of the region, or None."""
    if not lane_plays(item):
        return None
    for take in all_takes(item):
        if is_null(take) or source_path(take) != data["source"]:
            continue
        if abs(takes.anchor(item, take) - anchor) < 1e-4 and _shows(item, take, data):
            return None if item_text(item, "GUID") in data.get("left_out", ()) else take
    return None


def _shows(item, take, data):
    """Whether some of the region lies within the item."""
    start, end = span(item)
    first, last = takes.to_source(item, take, start), takes.to_source(item, take, end)
    return first < data["source_end"] - 1e-6 and last > data["source_start"] + 1e-6


# as a new take
def _add_take(home, source, part, index):
    item, old, _ = home
    data, take = part.data, RPR_AddTakeToMediaItem(item)
    RPR_SetMediaItemTake_Source(take, source)
    if data.get("kind") == "group":
        _play_group(home, take, data)
    else:
        takes.copy_properties(old, take)
        origin = 0.0 if data.get("into") else data.get("origin", 0.0)
        RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", takes.value(old, "D_STARTOFFS") - origin)
    _sign(take, part, index)
    again = data.get("again") or {}
    set_take_text(take, "P_EXT:acestep_original", again.get("take") or take_text(old, "GUID"))
    RPR_SetActiveTake(take)
    RPR_UpdateItemInProject(item)


def _play_group(home, take, data):
    """The captured file where this item's own file lay; item volume is in it, so the take undoes it once."""
    item, old, view = home
    begin = takes.value(old, "D_STARTOFFS") / (takes.value(old, "D_PLAYRATE") or 1.0)
    RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", view["anchor"] - data["anchor"] + begin)
    RPR_SetMediaItemTakeInfo_Value(take, "D_VOL", 1.0 / (RPR_GetMediaItemInfo_Value(item, "D_VOL") or 1.0))


def _stretch_item(item, data, count):
    """Moves an item's edges out to what was added before or after; its old takes stay where they were."""
    before, after = data.get("extend_before", 0.0), data.get("extend_after", 0.0)
    if not before and not after:
        return
    start, end = span(item)
    RPR_SetMediaItemInfo_Value(item, "B_LOOPSRC", 0.0)
    RPR_SetMediaItemInfo_Value(item, "D_POSITION", start - before)
    RPR_SetMediaItemInfo_Value(item, "D_LENGTH", end - start + before + after)
    for take in all_takes(item)[:-count]:
        if before and not is_null(take):
            offset = takes.value(take, "D_STARTOFFS") - before * takes.value(take, "D_PLAYRATE")
            RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", offset)
    RPR_UpdateItemInProject(item)


def _sign(take, part, index):
    """Name, colour and where it came from."""
    entry, data = part.results[index], part.data
    number = " %d" % (index + 1) if len(part.files) > 1 else ""
    tags = entry.get("tags") or part.request.get("tags", "")
    set_take_text(take, "P_NAME", ("ACE-Step%s: %s" % (number, tags))[:120])
    takes.keep_recipe(take, part.recipe(index))
    set_take_text(take, "P_EXT:acestep_job", "%s/%d" % (part.job_id, index))
    set_take_text(take, "P_EXT:acestep_model", json.dumps(entry.get("model") or {}))
    came = {"kind": data.get("kind", ""), "track": data["track"], "start": data["start"], "end": data["end"],
            "capture": data.get("capture", "dry"), "origin": data.get("origin", 0.0)}  # fmt: skip
    if data.get("source"):
        came["source"] = [data["source_start"], data["source_end"]]
    set_take_text(take, "P_EXT:acestep_from", json.dumps(came))
    colour = RPR_ColorToNative(COLOUR[0], COLOUR[1], COLOUR[2]) | 0x1000000
    RPR_SetMediaItemTakeInfo_Value(take, "I_CUSTOMCOLOR", colour)
