"""What a take plays: its file, its place in source time, and whether its source can be edited.

Take mode replaces the take's source: region in source time = offset + (t - position) * rate.
"""

import math

from reaper_python import *

from .objects import set_take_text, source_kind, source_path, span, take_text

COPIED_VALUES = (
    "D_STARTOFFS", "D_PLAYRATE", "D_VOL", "D_PAN", "D_PANLAW", "D_PITCH", "B_PPITCH", "I_CHANMODE", "I_PITCHMODE",
)  # fmt: skip


# what REAPER calls the media whose files the daemon reads; a new kind of media is captured from the track
READ_KINDS = ("WAVE", "AIFF", "FLAC", "MP3", "VORBIS", "OPUS")


RECIPE_PIECE = 2000  # characters of ASCII; readers of project files have buffers of 4096 and less


def value(take, key):
    return RPR_GetMediaItemTakeInfo_Value(take, key)


def anchor(item, take):
    """Where the source's first sample lies in project time: equal for the pieces of a split item."""
    return span(item)[0] - value(take, "D_STARTOFFS") / (value(take, "D_PLAYRATE") or 1.0)


def to_source(item, take, time):
    """Project time to seconds of the take's source."""
    return value(take, "D_STARTOFFS") + (time - span(item)[0]) * value(take, "D_PLAYRATE")


def raised_by(take):
    """Semitones by which the take sounds above its source: its pitch, and its rate where that keeps no pitch."""
    rate = value(take, "D_PLAYRATE")
    by_rate = 0.0 if value(take, "B_PPITCH") or rate <= 0.0 else 12.0 * math.log(rate, 2.0)
    return value(take, "D_PITCH") + by_rate


def source_length(take):
    """Seconds of the take's source."""
    return RPR_GetMediaSourceLength(RPR_GetMediaItemTake_Source(take), 0)[0]


def why_not_editable(item, take, start, end):
    """Why the take's file cannot simply be edited between two project times, or an empty text."""
    if RPR_TakeIsMIDI(take):
        return "the take is MIDI"
    source = RPR_GetMediaItemTake_Source(take)
    kind = source_kind(take)
    if kind not in READ_KINDS + ("", "SECTION"):
        return "its media is read through REAPER (%s)" % kind
    if kind == "SECTION" or not source_path(take):
        return "the take's source is a section or is reversed"
    if RPR_GetTakeNumStretchMarkers(take) > 0:
        return "the take has stretch markers"
    if RPR_CountTakeEnvelopes(take) > 0:
        return "the take has envelopes"
    if RPR_GetMediaSourceNumChannels(source) > 2:
        return "the file has more than two channels"
    length = source_length(take)
    if to_source(item, take, start) < -1e-6 or to_source(item, take, end) > length + 1e-3:
        return "the range lies where the source is looped or over"
    return ""


def copy_properties(old, new):
    """Offset, rate, pitch, volume, pan, channel mode and take FX, from one take to another."""
    for key in COPIED_VALUES:
        RPR_SetMediaItemTakeInfo_Value(new, key, value(old, key))
    for i in range(RPR_TakeFX_GetCount(old)):
        RPR_TakeFX_CopyToTake(old, i, new, i, 0)


def recipe_text(take):
    """The recipe that a take keeps, or an empty text."""
    parts = []
    while len(parts) == 0 or parts[-1]:
        parts.append(take_text(take, _recipe_key(len(parts))))
    return "".join(parts)


def keep_recipe(take, text):
    """Keeps a recipe with a take: in pieces, since each is a line of the project file, and long lines get cut there."""
    pieces = [text[at : at + RECIPE_PIECE] for at in range(0, len(text), RECIPE_PIECE)]
    for index, piece in enumerate(pieces):
        set_take_text(take, _recipe_key(index), piece)


def _recipe_key(index):
    return "P_EXT:acestep_recipe" + ("_%d" % (index + 1) if index else "")
