"""Puts finished audio into the project: new takes, or items on a new track. One undo point a batch.

Takes GUIDs and files; finds the items where they are now. Knows nothing of the daemon.
"""

import json

from reaper_python import *

from ..errors import UserError
from ..foreign_text import in_one_line
from ..jobs.kinds import Group
from ..jobs.made_from import MadeFrom
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
    sources = {}
    for part in parts:
        for path in part.files:
            source = RPR_PCM_Source_CreateFromFile(path)
            if is_null(source):
                raise UserError("REAPER cannot open %s" % path, "See whether another player opens it; the job is kept")
            sources[path] = source
    return sources


def _place_part(part, sources, placed, layout):
    homes = _homes_of(part.job, placed) if part.job.mode == "take" else []
    homes_by_result = [layout.lanes.homes(homes, index) for index in range(len(part.files))]
    for index, path in enumerate(part.files):
        for count, home in enumerate(homes_by_result[index]):
            source = sources[path] if count == 0 else RPR_PCM_Source_CreateFromFile(path)
            _add_take(home, source, part, index)
            placed.sources.append(source)
    if homes:
        first = [of_result[0][0] for of_result in homes_by_result]  # one item, or one per result on lanes
        for item in sorted(set(first), key=first.index):
            _stretch_item(item, part.job, first.count(item))
    else:
        placed.sources += new_items.add(part, sources, layout, _sign)
    placed.note(part.job.notice)


# where the region plays now
def _homes_of(job, placed):
    """(item, take, piece) of every item that now plays the region: moved and split items are followed.

    `piece` is what is known of that item, or of what it was split from.
    """
    if job.into:
        item = find_item(job.item)
        take = find_take(item, job.take) if item else None
        homes = [(item, take, job.piece)] if take else []
    elif isinstance(job.result, Group):
        homes = [home for piece in job.result.pieces for home in _homes(piece, job.track)]
    else:
        homes = _homes(job.piece, job.track)
        if job.extends:
            homes = [home for home in homes if item_text(home[0], "GUID") == job.item]
    return _unlocked(homes, job, placed)


def _unlocked(homes, job, placed):
    reasons = [locks.why(home[0], job.extends) for home in homes]
    free = [home for home, reason in zip(homes, reasons) if not reason]
    for reason in sorted(set(reasons) - {""}):
        placed.note((LEFT if free else LOCKED) % reason)
    if not homes:
        placed.note(GONE)
    return free


def _homes(piece, track_guid):
    item = find_item(piece.item)
    track = RPR_GetMediaItem_Track(item) if item else find_track(track_guid)
    if track is None or is_null(track):
        return []
    original = _playing(item, piece) if item else None
    anchor = takes.anchor(item, original) if original else piece.anchor
    homes = [(item, original, piece)] if original and _shows(item, original, piece) else []
    first, last = (anchor + second / piece.rate for second in (piece.source_start, piece.source_end))
    for other in items_between(track, first, last):
        take = None if other == item else _copy_in(other, piece, anchor)
        if take:
            homes.append((other, take, piece))
    return homes


def _playing(item, piece):
    """The take of an item that the region was made for, or its copy with the same file."""
    take = find_take(item, piece.take)
    if take:
        return take
    active = RPR_GetActiveTake(item)
    return active if not is_null(active) and piece.source and source_path(active) == piece.source else None


def _copy_in(item, piece, anchor):
    """The copy of the region's take in another piece of a split item that plays some of the region, or None."""
    if not lane_plays(item):
        return None
    for take in all_takes(item):
        if is_null(take) or source_path(take) != piece.source:
            continue
        if abs(takes.anchor(item, take) - anchor) < 1e-4 and _shows(item, take, piece):
            return None if item_text(item, "GUID") in piece.left_out else take
    return None


def _shows(item, take, piece):
    """Whether some of the region lies within the item."""
    start, end = span(item)
    first, last = takes.to_source(item, take, start), takes.to_source(item, take, end)
    return first < piece.source_end - 1e-6 and last > piece.source_start + 1e-6


# as a new take
def _add_take(home, source, part, index):
    item, old, _ = home
    job, take = part.job, RPR_AddTakeToMediaItem(item)
    RPR_SetMediaItemTake_Source(take, source)
    if isinstance(job.result, Group):
        _play_group(home, take, job.result)
    else:
        takes.copy_properties(old, take)
        origin = 0.0 if job.into else job.result.origin
        RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", takes.value(old, "D_STARTOFFS") - origin)
    _sign(take, part, index)
    set_take_text(take, "P_EXT:acestep_original", job.again.take if job.again else take_text(old, "GUID"))
    RPR_SetActiveTake(take)
    RPR_UpdateItemInProject(item)


def _play_group(home, take, group):
    """The captured file where this item's own file lay; item volume is in it, so the take undoes it once."""
    item, old, piece = home
    begin = takes.value(old, "D_STARTOFFS") / (takes.value(old, "D_PLAYRATE") or 1.0)
    RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", piece.anchor - group.anchor + begin)
    RPR_SetMediaItemTakeInfo_Value(take, "D_VOL", 1.0 / (RPR_GetMediaItemInfo_Value(item, "D_VOL") or 1.0))


def _stretch_item(item, job, count):
    """Moves an item's edges out to what was added before or after; its old takes stay where they were."""
    before, after = job.extend_before, job.extend_after
    if not job.extends:
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


def _words(part, entry):
    """What the take was asked for: instruments and tags."""
    request = part.request or ((entry.get("recipe") or {}).get("request") or {})
    instruments = [request["track"]] if request.get("track") else list(request.get("tracks") or ())
    tags = entry.get("tags") or request.get("tags", "")
    return ", ".join(instruments + ([tags] if tags else []))


def _sign(take, part, index):
    """Name, colour and where it came from."""
    entry = part.results[index]
    number = " %d" % (index + 1) if len(part.files) > 1 else ""
    set_take_text(take, "P_NAME", in_one_line("ACE-Step%s: %s" % (number, _words(part, entry)))[:120])
    takes.keep_recipe(take, part.recipe(index))
    set_take_text(take, "P_EXT:acestep_job", "%s/%d" % (part.job_id, index))
    set_take_text(take, "P_EXT:acestep_model", json.dumps(entry.get("model") or {}))
    set_take_text(take, "P_EXT:acestep_from", MadeFrom.of(part.job).text())
    colour = RPR_ColorToNative(COLOUR[0], COLOUR[1], COLOUR[2]) | 0x1000000
    RPR_SetMediaItemTakeInfo_Value(take, "I_CUSTOMCOLOR", colour)
