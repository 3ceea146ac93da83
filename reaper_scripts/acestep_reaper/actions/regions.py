"""Regenerate every region (or span between markers) whose name begins with a chosen word.

"ace: house, drums" gives the tags "house, drums". Lyrics are the region's notes (REAPER has none of
its own: those of the SWS extension), else the item's notes. REAPER's Python module drops the names of
markers, so they are read through the C function itself, on every build.
"""

import ctypes
from dataclasses import replace

from reaper_python import *

from ..errors import UserError
from ..project.objects import find_item, selected_tracks
from ..project.pointers import function
from ..state import settings
from . import targets
from .entry import render, words
from .renders import item_lyrics

NOTES = "NF_GetSWSMarkerRegionSub"  # of the SWS extension, where it is installed


def names():
    """(start, end, name, index) of every region; for markers `end` is the next marker or region start."""
    rows, index = [], 0
    row = _marker(index)
    while row:
        rows.append([*row, index])
        index += 1
        row = _marker(index)
    starts = sorted(row[0] for row in rows)
    for row in rows:
        if row[1] is None:
            row[1] = next((s for s in starts if s > row[0] + 1e-6), None)
    return [tuple(row) for row in rows if row[1] is not None]


def _marker(index):
    """[start, end or None, name] of a marker or region, None behind the last one."""
    c, by = ctypes, ctypes.byref
    ask = function("EnumProjectMarkers3", c.c_int, c.c_uint64, c.c_int, *[c.c_void_p] * 6)
    region, start, end = c.c_byte(), c.c_double(), c.c_double()
    name, number, colour = c.c_char_p(), c.c_int(), c.c_int()
    if not ask(0, index, by(region), by(start), by(end), by(name), by(number), by(colour)):
        return None
    text = (name.value or b"").decode("utf-8", "replace")
    return [start.value, end.value if region.value else None, text]


def tags_of(name, word):
    """The tags in a name that begins with the word, or None."""
    text = name.strip()
    if not text.lower().startswith(word.lower()):
        return None
    rest = text[len(word) :]
    if rest and rest[0].isalnum():
        return None
    return rest.lstrip(" :-").strip()


def notes(index):
    """The notes of a region or marker, or an empty text."""
    if not RPR_APIExists(NOTES):
        return ""
    ask = function("NF_GetSWSMarkerRegionSub", ctypes.c_char_p, ctypes.c_int)
    return (ask(index) or b"").decode("utf-8", "replace").strip()


def regenerate():
    """Every region of the chosen word on the selected tracks, as one batch."""
    values = words(False, "ACE-Step: regenerate regions")
    if values is None:
        return
    word = values["region_word"] or "ace"
    chosen = selected_tracks()
    if not chosen:
        raise UserError("No track is selected", "Select the tracks to regenerate")
    named = [(start, end, tags_of(name, word), index) for start, end, name, index in names()]
    named = [row for row in named if row[2] is not None]
    if not named:
        raise UserError(
            "No region's name begins with '%s'" % word,
            "Name one '%s: house, drums' over an item of a selected track" % word,
        )
    targets, left_out = _targets_in(named, chosen, values)
    if not targets:
        raise UserError(
            left_out[0] if left_out else "The selected tracks have no item in a region '%s'" % word,
            "Select the tracks that have one there",
        )
    if left_out:
        targets[0].note("; ".join(left_out[:3]))
    render("regenerate regions", "inpaint", "take", targets, {})


def _targets_in(named, chosen, values):
    """(targets with requests, what was left out) of (start, end, tags, index) on tracks."""
    targets_of_all, left_out = [], []
    for start, end, tags, index in named:
        for track in chosen:
            search = targets.Search(False)
            search.add_track(track, start, end)
            targets_of_all += [_with_request(t, values, tags, notes(index)) for t in search.targets if t.item]
            left_out += [note for note in search.notes if note not in left_out]
    return targets_of_all, left_out


def _with_request(target, values, tags, lyrics):
    request = settings.request_fields(dict(values, tags=tags or values["tags"]), "inpaint")
    request["lyrics"] = lyrics or item_lyrics(find_item(target.item))
    return replace(target, request=request)
