"""Several items of a track as one render: pieces of one file, or items with files of their own.

Pieces of one file (a split take) get takes of the same new file, exact to the sample. Items with
different files take what the track played over their span with the range regenerated; that would
apply fades, overlaps and other items twice, so where there are any the result goes to a new track.
"""

from reaper_python import *

from ..jobs.kinds import Piece
from ..project import takes
from ..project.objects import item_text, items_between, lane_plays, source_path, span, take_text

MOST_ITEMS = 40  # what the daemon keeps for a job
SHORT_FADE_SECONDS = 0.02
LONGEST_OUTSIDE_SECONDS = 60.0


def _identity(item, take):
    """Equal for pieces of one take: file, rate, where the file begins in the project."""
    return source_path(take), takes.value(take, "D_PLAYRATE"), takes.anchor(item, take)


def one_source(pieces):
    """Whether the items are pieces of one file in its place."""
    path, rate, anchor = _identity(*pieces[0])
    for item, take in pieces[1:]:
        other = _identity(item, take)
        if other[0] != path or other[1] != rate or abs(other[2] - anchor) > 1e-4:
            return False
    return bool(path)


def left_out(pieces, job):
    """GUIDs of pieces of the same take in the range that the user did not choose."""
    item, take = pieces[0]
    chosen = set(item_text(i, "GUID") for i, _ in pieces)
    guids = []
    for other in items_between(RPR_GetMediaItem_Track(item), job.start, job.end):
        guid = item_text(other, "GUID")
        if guid not in chosen:
            guids.append(guid)
    return guids[:MOST_ITEMS]


def span_of(pieces):
    """(start, end) of the items in project seconds."""
    spans = [span(item) for item, _ in pieces]
    return min(s for s, _ in spans), max(e for _, e in spans)


def describe(pieces):
    """What is needed to find the items again, and where their files lie in the project."""
    return [_described(item, take) for item, take in pieces]


def _described(item, take):
    first, last = (takes.to_source(item, take, edge) for edge in span(item))
    guids = item_text(item, "GUID"), take_text(take, "GUID")
    return Piece(*guids, source_path(take), takes.anchor(item, take), takes.value(take, "D_PLAYRATE"), first, last)


def why_not(pieces, job):
    """Why the items cannot take what the track played, or an empty text."""
    if len(pieces) > MOST_ITEMS:
        return "there are more than %d items" % MOST_ITEMS
    start, end = job.start, job.end
    first, last = span_of(pieces)
    if start - first > LONGEST_OUTSIDE_SECONDS or last - end > LONGEST_OUTSIDE_SECONDS:
        return "an item reaches far beyond the range"
    for item, take in pieces:
        why = _why_not_item(item, take, start, end)
        if why:
            return why
    return _why_not_together([item for item, _ in pieces], first, last)


def _why_not_item(item, take, start, end):
    first, last = span(item)
    if RPR_TakeIsMIDI(take):
        return "a take is MIDI"
    if RPR_GetMediaItemInfo_Value(item, "D_VOL") < 1e-3:
        return "an item is silent"
    if first < start - 1e-6 and _fade(item, "IN") > SHORT_FADE_SECONDS:
        return "an item fades in before the range"
    if last > end + 1e-6 and _fade(item, "OUT") > SHORT_FADE_SECONDS:
        return "an item fades out after the range"
    return ""


def _fade(item, side):
    names = ("D_FADE%sLEN" % side, "D_FADE%sLEN_AUTO" % side)
    return max(RPR_GetMediaItemInfo_Value(item, name) for name in names)


def _why_not_together(chosen, first, last):
    chosen = sorted(chosen, key=lambda i: span(i)[0])
    for before, after in zip(chosen, chosen[1:]):
        overlap = span(before)[1] - span(after)[0]
        if overlap > min(_fade(before, "OUT"), _fade(after, "IN")) + 1e-3:
            return "the items overlap without a crossfade"
    for other in items_between(RPR_GetMediaItem_Track(chosen[0]), first, last):
        if other not in chosen and lane_plays(other) and not RPR_GetMediaItemInfo_Value(other, "B_MUTE"):
            return "another item plays there too"
    return ""
