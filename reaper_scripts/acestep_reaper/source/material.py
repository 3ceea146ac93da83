"""What is sent for a target, and what its take will be made of. Knows project and files, no daemon.

`data["kind"]` afterwards (it travels in client_data):
  clip   the take's own WAV is sent; only the new part comes back and is put into a copy of the file
  full   the take's own file is sent and comes back whole
  cut    the item's part of the take's WAV is sent; it comes back whole
  group  what several items of a track play is sent; one file comes back that each of them takes
  track  what the track plays is sent; the result goes to a new track
`data["origin"]`: seconds of the source at which the new file begins.
"""

import os
import uuid

from ..paths import fs, in_home
from ..project import keys, projects, takes, tempo
from ..project.objects import find_item, find_take, source_path, span
from ..results import groups
from . import capture, media, wave_file, wet

WITHOUT_SOURCE = ("text-to-audio", "prompt-to-audio", "retake")
CONTEXT_SECONDS = 10.0
HANDLE_SECONDS = 10.0  # kept of a longer source on each side of the item, so that its edges can be moved
WORTH_CUTTING = 0.75
LONGEST_WHOLE_SECONDS = 600.0
EDGE_SECONDS = 0.01


def prepare(data, request):
    """Fills `data` and `request`; returns something to `step` until its `path` can be sent, or None."""
    if data["task"] in WITHOUT_SOURCE:
        data["kind"] = "none"
        _musical(data, request, data["start"], 0.0, 1.0)
        return None
    pieces = _pieces(data)
    why = _why_captured(data, pieces)
    if not why and len(pieces) > 1 and not groups.one_source(pieces):
        why = groups.why_not(pieces, data)
        if not why:
            return _from_group(data, request, pieces)
    if not why:
        why = _why_not(data, pieces)
    return _from_track(data, request, why) if why else _from_source(data, request, pieces)


def _pieces(data):
    """(item, take) of each item of the target."""
    named = data.pop("pieces", None) or [[data["item"], data["again"]["take"] if data.get("again") else data["take"]]]
    found = []
    for item_guid, take_guid in named:
        item = find_item(item_guid)
        take = find_take(item, take_guid) if item else None
        if take:
            found.append((item, take))
    return found


def _why_captured(data, pieces):
    if data.get("again"):
        return "" if pieces else "no item"
    if data.get("into"):
        return "it was captured from the track before"
    if data.get("capture") in ("wet", "bus"):
        return "captured after the FX of the track" if data["capture"] == "wet" else "captured from its bus"
    return "" if pieces else "no item"


def _extent(pieces, data=None):
    """(first, last) seconds of the source that the items play, or that were sent before."""
    if data and data.get("again") and data["again"]["range"]:
        return tuple(data["again"]["range"])
    ends = [takes.to_source(item, take, edge) for item, take in pieces for edge in span(item)]
    return min(ends), max(ends)


def _why_not(data, pieces):
    """Why the take's own file cannot be worked on, or an empty text."""
    for item, take in pieces:
        first, last = span(item)
        if data["task"] == "inpaint":
            first, last = max(first, data["start"]), min(last, data["end"])
        why = "" if data.get("again") else takes.why_not_editable(item, take, first, last)
        if why:
            return why
    take = pieces[0][1]
    wave, length = wave_file.read(source_path(take)), takes.source_length(take)
    if data["task"] == "inpaint":
        if wave is None:
            return "the file is long and no plain WAV" if length > LONGEST_WHOLE_SECONDS else ""
        first, last = _file_range(wave, pieces, data)
        too_large = (last - first) * wave.block > wave_file.LONGEST_BYTES
        return "a take of the whole item would be larger than 2 GB; split it around the range" if too_large else ""
    first, last = _extent(pieces, data)
    whole = first < EDGE_SECONDS and last > length - EDGE_SECONDS
    return "" if whole or wave else "the item plays a part of a file that is no plain WAV"


def _file_range(wave, pieces, data):
    """Frames of the source that the new file needs: the items (on a new track the range) and handles, or all."""
    first, last = _extent(pieces)
    if data["mode"] == "track":
        first, last = (takes.to_source(pieces[0][0], pieces[0][1], data[edge]) for edge in ("start", "end"))
    first = max(int((first - HANDLE_SECONDS) * wave.rate), 0)
    last = min(int((last + HANDLE_SECONDS) * wave.rate) + 1, wave.frames)
    return (first, last) if last - first < WORTH_CUTTING * wave.frames else (0, wave.frames)


def _from_source(data, request, pieces):
    """The take's own file is what the model edits."""
    item, take = pieces[0]
    rate, offset = takes.value(take, "D_PLAYRATE"), takes.value(take, "D_STARTOFFS")
    source, anchor = source_path(take), takes.anchor(item, take)
    position = anchor + offset / rate
    data.update(source=source, anchor=anchor, rate=rate, origin=0.0, kind="full")
    if not data.get("again"):
        data["left_out"] = groups.left_out(pieces, data)
    wave = wave_file.read(source)
    request["audio"] = source
    maker = None
    if data["task"] == "inpaint":
        begin = max(offset + (data["start"] - position) * rate, 0.0)
        _range(data, request, begin, min(offset + (data["end"] - position) * rate, takes.source_length(take)))
        request["output"] = "full"
        if wave:
            first, last = _file_range(wave, pieces, data)
            request["output"] = "clip"
            data.update(kind="clip", file_range=[first, last], origin=first / float(wave.rate))
    else:
        data["source_start"], data["source_end"] = _extent(pieces, data)
        maker = _cut(data, wave)
    for name in ("extend_before_duration", "extend_after_duration"):
        if name in request:
            request[name] = request[name] * rate
    _musical(data, request, position, offset - (data["origin"] if data["kind"] == "cut" else 0.0), rate, take)
    return maker


def _cut(data, wave):
    """The item's part of a longer WAV as a file of its own, or None where the item plays all of it."""
    if wave is None:
        return None
    first = max(int(round(data["source_start"] * wave.rate)), 0)
    last = min(int(round(data["source_end"] * wave.rate)), wave.frames)
    edge = EDGE_SECONDS * wave.rate
    if first < edge and last > wave.frames - edge:
        return None
    data.update(kind="cut", origin=first / float(wave.rate))
    folder = in_home("captures")
    os.makedirs(fs(folder), exist_ok=True)
    return media.cut(wave, os.path.join(folder, uuid.uuid4().hex + ".wav"), first, last)


def _from_group(data, request, pieces):
    """Several items with files of their own: what they play together, to be taken by each."""
    first, last = groups.span_of(pieces)
    context = _context(request)
    if data["task"] == "inpaint":
        first, last = min(first, max(data["start"] - context, 0.0)), max(last, data["end"] + context)
    data.update(kind="group", source="", anchor=first, rate=1.0, origin=0.0, pieces=groups.describe(pieces))
    note(data, "The items have several files: their new takes hold what the track played")
    if data["task"] == "inpaint":
        request["output"] = "full"
    return _capture(data, request, capture.TrackCapture(data["track"], first, last), first)


def _from_track(data, request, why):
    """What the track plays is captured with its context; the result goes to a new track."""
    if not data.get("into"):
        if data["item"]:
            note(data, "Placed on a new track: %s" % why)
        data["mode"] = "track"
    start, end = data["start"], data["end"]
    context = _context(request) if data["task"] == "inpaint" else 0.0
    first = max(start - context, 0.0)
    kind = data.get("capture")
    maker = (wet.WetCapture(data["track"], first, end + context, kind == "bus") if kind in ("wet", "bus")
             else capture.TrackCapture(data["track"], first, end + context))  # fmt: skip
    data.update(kind="track", source="", anchor=first, rate=1.0, origin=0.0)
    if data["task"] == "inpaint":
        request["output"] = "clip"
    else:
        data.update(whole=True, begins=start - request.get("extend_before_duration", 0.0))
    return _capture(data, request, maker, first)


def note(data, text):
    """Adds what the user is to be told."""
    data["notice"] = "; ".join(t for t in (data.get("notice"), text) if t)


def _capture(data, request, maker, first):
    _range(data, request, data["start"] - first, data["end"] - first)
    _musical(data, request, first, 0.0, 1.0)
    return maker


def _range(data, request, begin, end):
    """The region in seconds of what is sent; a recipe's own numbers stay where they are the same."""
    data.update(source_start=begin, source_end=end)
    if data["task"] != "inpaint":
        return
    for name, value in (("start_time", begin), ("end_time", end)):
        if abs(request.get(name, -1.0) - value) > 1e-6:
            request[name] = value


def _context(request):
    given = request.get("context_seconds", CONTEXT_SECONDS)
    return CONTEXT_SECONDS if given is None else float(given)


def _musical(data, request, position, offset, rate, take=None):
    """Tempo map and key, unless the request has its own."""
    if data.get("exact"):
        return
    if "tempo_map" not in request:
        context = _context(request)
        end = max(data["end"], data["start"] + 1.0)
        found = tempo.points(max(data["start"] - context, 0.0), end + context)
        request["tempo_map"] = tempo.in_source(found, position, offset, rate)
    if "key" not in request:
        key = keys.parse(projects.key()) or (keys.of_file(take) if take else "")
        if key:
            request["key"] = key
