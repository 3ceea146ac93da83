"""Auditioning results that are lanes: which one plays, keep, drop. As REAPER's own, a lane plays alone.

Only items that results of ours made versions of; other lanes of a track are the user's.
"""

from reaper_python import *

from ..project import locks
from ..project.objects import find_take, is_null, item_text, take_text
from ..results import lanes


def of_each_track(items):
    """Of items that have versions on lanes, one per track: a lane plays for the whole track."""
    by_track = {}
    for item in items:
        if len(lanes.versions(item)) > 1:
            by_track.setdefault(RPR_GetMediaItem_Track(item), item)
    return list(by_track.values())


def _playing(items):
    """The version that plays; of several, or none, the last."""
    heard = [i for i in items if RPR_GetMediaItemInfo_Value(i, "C_LANEPLAYS") > 0]
    return (heard or items)[-1]


def _play(item):
    lanes.play(RPR_GetMediaItem_Track(item), lanes.of(item))


def which(item):
    """Which version plays now, as 2/4 and its lane and name."""
    versions = lanes.versions(item)
    now = _playing(versions)
    take = RPR_GetActiveTake(now)
    name = "" if is_null(take) else take_text(take, "P_NAME")
    return "lane %d/%d: %s" % (versions.index(now) + 1, len(versions), name)


def step(item, by):
    """The next (1) or previous (-1) version plays, and no other lane of the track."""
    versions = lanes.versions(item)
    _play(versions[(versions.index(_playing(versions)) + by) % len(versions)])


def other(item):
    """What the version that plays was made from, else the newest made from it, or None."""
    versions = lanes.versions(item)
    now = _playing(versions)
    derived = [i for i in versions if _made_from(i, versions) == now]
    return _made_from(now, versions) or (derived[-1] if derived else None)


def compare(item):
    """Between the version that plays and what it was made from."""
    _play(other(item))


def _made_from(item, items):
    take = RPR_GetActiveTake(item)
    guid = "" if is_null(take) else take_text(take, "P_EXT:acestep_original")
    return next((i for i in items if i != item and guid and find_take(i, guid)), None)


def ours(item):
    """Whether an item is a result of ours on a lane: made by us, and beside what it was made from."""
    take = RPR_GetActiveTake(item)
    has_job = not is_null(take) and bool(take_text(take, "P_EXT:acestep_job"))
    return has_job and bool(item_text(item, lanes.OF)) and RPR_CountTakes(item) == 1


def playing(item):
    """The version that plays."""
    return _playing(lanes.versions(item))


def others(item):
    """Our versions other than this one; locked ones stay."""
    return [i for i in lanes.versions(item) if i != item and ours(i) and not locks.why(i)]


def drop(items):
    """Deletes results of ours; their lanes stay, since other items may lie on them."""
    for item in items:
        RPR_DeleteTrackMediaItem(RPR_GetMediaItem_Track(item), item)


def reject(item):
    """Drops a result; what it was made from plays, else the version before."""
    versions = lanes.versions(item)
    left = [i for i in versions if i != item]
    _play(_made_from(item, versions) or left[-1])
    drop([item])
