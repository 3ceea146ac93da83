"""What is sent for a job, and so what its result will be (`jobs.kinds`). Knows project and files, no daemon."""

import os
import uuid

from ..jobs import kinds
from ..jobs.kinds import OF_REGION
from ..paths import fs, in_home
from ..project import keys, projects, takes, tempo
from ..project.objects import find_item, find_take, source_path, span
from . import capture, groups, media, wave_file, wet

WITHOUT_SOURCE = ("text-to-audio", "prompt-to-audio", "retake")
CONTEXT_SECONDS = 10.0
HANDLE_SECONDS = 10.0  # kept of a longer source on each side of the item, so that its edges can be moved
WORTH_CUTTING = 0.75
LONGEST_WHOLE_SECONDS = 600.0
EDGE_SECONDS = 0.01


def prepare(job, request):
    """Sets the job's result and fills `request`; returns something to `step` until its `path` can be sent, or None."""
    if job.task in WITHOUT_SOURCE:
        job.result = kinds.NoSource()
        _musical(job, request, job.start, 0.0, 1.0)
        return None
    if job.task == "lego":
        return _from_track(job, request, "")
    pieces = _pieces(job)
    why = _why_captured(job, pieces)
    if not why and len(pieces) > 1 and not groups.one_source(pieces):
        why = groups.why_not(pieces, job)
        if not why:
            return _from_group(job, request, pieces)
    if not why:
        why = _why_not(job, pieces)
    return _from_track(job, request, why) if why else _from_source(job, request, pieces)


def _pieces(job):
    """(item, take) of each item of the target."""
    named = job.pieces or [[job.again.item or job.item, job.again.take] if job.again else [job.item, job.take]]
    job.pieces = []
    pieces = []
    for item_guid, take_guid in named:
        item = find_item(item_guid)
        take = find_take(item, take_guid) if item else None
        if take:
            pieces.append((item, take))
    return pieces


def _why_captured(job, pieces):
    if job.again:
        return "" if pieces else "no item"
    if job.into:
        return "it was captured from the track before"
    if job.capture in ("wet", "bus"):
        return "captured after the FX of the track" if job.capture == "wet" else "captured from its bus"
    return "" if pieces else "no item"


def _extent(pieces, job=None):
    """(first, last) seconds of the source that the items play, or that were sent before."""
    if job and job.again and job.again.range:
        return tuple(job.again.range)
    ends = [takes.to_source(item, take, edge) for item, take in pieces for edge in span(item)]
    return min(ends), max(ends)


def _why_not(job, pieces):
    """Why the take's own file cannot be worked on, or an empty text."""
    for item, take in pieces:
        first, last = span(item)
        if job.task == "inpaint":
            first, last = max(first, job.start), min(last, job.end)
        why = "" if job.again else takes.why_not_editable(item, take, first, last)
        if why:
            return why
    take = pieces[0][1]
    wave, length = wave_file.read(source_path(take)), takes.source_length(take)
    if job.task == "inpaint":
        if wave is None:
            return "the file is long and no plain WAV" if length > LONGEST_WHOLE_SECONDS else ""
        first, last = _file_range(wave, pieces, job)
        too_large = (last - first) * wave.block > wave_file.LONGEST_BYTES
        return "a take of the whole item would be larger than 2 GB; split it around the range" if too_large else ""
    first, last = _extent(pieces, job)
    whole = first < EDGE_SECONDS and last > length - EDGE_SECONDS
    return "" if whole or wave else "the item plays a part of a file that is no plain WAV"


def _file_range(wave, pieces, job):
    """Frames of the source that the new file needs: the items (on a new track the range) and handles, or all."""
    first, last = _extent(pieces)
    if job.mode == "track":
        first, last = (takes.to_source(pieces[0][0], pieces[0][1], edge) for edge in (job.start, job.end))
    first = max(int((first - HANDLE_SECONDS) * wave.rate), 0)
    last = min(int((last + HANDLE_SECONDS) * wave.rate) + 1, wave.frames)
    return (first, last) if last - first < WORTH_CUTTING * wave.frames else (0, wave.frames)


def _from_source(job, request, pieces):
    """The take's own file is what the model edits."""
    item, take = pieces[0]
    rate, offset = takes.value(take, "D_PLAYRATE"), takes.value(take, "D_STARTOFFS")
    source, anchor = source_path(take), takes.anchor(item, take)
    position = anchor + offset / rate
    left_out = [] if job.again else groups.left_out(pieces, job)
    common = dict(source=source, anchor=anchor, rate=rate, left_out=left_out)
    wave = wave_file.read(source)
    request["audio"] = source
    maker = None
    if job.task == "inpaint":
        job.result = _new_part(job, request, wave, pieces, common)
        begin = max(offset + (job.start - position) * rate, 0.0)
        _range(job, request, begin, min(offset + (job.end - position) * rate, takes.source_length(take)))
    else:
        first, last = _extent(pieces, job)
        job.result, maker = _all_of(wave, dict(common, source_start=first, source_end=last))
    for name in ("extend_before_duration", "extend_after_duration"):
        if name in request:
            request[name] = request[name] * rate
    sent_from = job.result.origin if isinstance(job.result, kinds.Cut) else 0.0
    _musical(job, request, position, offset - sent_from, rate, take)
    return maker


def _new_part(job, request, wave, pieces, common):
    """A clip that goes into a copy of the file; of anything but WAV, the whole file comes back."""
    request["output"] = "clip" if wave else "full"
    if not wave:
        return kinds.Full(**common)
    first, last = _file_range(wave, pieces, job)
    return kinds.Clip(file_range=[first, last], origin=first / float(wave.rate), **common)


def _all_of(wave, common):
    """(result, what cuts the item's part out of a longer WAV, or None where the file is sent as it is)."""
    if wave is None:
        return kinds.Full(**common), None
    first = max(int(round(common["source_start"] * wave.rate)), 0)
    last = min(int(round(common["source_end"] * wave.rate)), wave.frames)
    edge = EDGE_SECONDS * wave.rate
    if first < edge and last > wave.frames - edge:
        return kinds.Full(**common), None
    folder = in_home("captures")
    os.makedirs(fs(folder), exist_ok=True)
    maker = media.cut(wave, os.path.join(folder, uuid.uuid4().hex + ".wav"), first, last)
    return kinds.Cut(origin=first / float(wave.rate), **common), maker


def _from_group(job, request, pieces):
    """Several items with files of their own: what they play together, to be taken by each."""
    first, last = groups.span_of(pieces)
    context = _context(request)
    if job.task == "inpaint":
        first, last = min(first, max(job.start - context, 0.0)), max(last, job.end + context)
        request["output"] = "full"
    job.result = kinds.Group(anchor=first, pieces=groups.describe(pieces))
    job.note("The items have several files: their new takes hold what the track played")
    return _capture(job, request, capture.TrackCapture(job.track, first, last), first)


def _from_track(job, request, why):
    """What the track plays is captured with its context; the result goes to a new track."""
    if not job.into:
        if why and job.item:
            job.note("Placed on a new track: %s" % why)
        job.mode = "track"
    region = job.task in OF_REGION
    context = _context(request) if region else 0.0
    first, last = max(job.start - context, 0.0), job.end + context
    maker = (wet.WetCapture(job.track, first, last, job.capture == "bus") if job.capture in ("wet", "bus")
             else capture.TrackCapture(job.track, first, last))  # fmt: skip
    job.result = kinds.Track(anchor=first)
    if job.task == "inpaint":
        request["output"] = "clip"
    if not region:
        job.result.whole, job.result.begins = True, job.start - request.get("extend_before_duration", 0.0)
    return _capture(job, request, maker, first)


def _capture(job, request, maker, first):
    _range(job, request, job.start - first, job.end - first)
    _musical(job, request, first, 0.0, 1.0)
    return maker


def _range(job, request, begin, end):
    """The region in seconds of what is sent; a recipe's own numbers stay where they are the same."""
    job.result.source_start, job.result.source_end = begin, end
    if job.task not in OF_REGION:
        return
    for name, value in (("start_time", begin), ("end_time", end)):
        if abs(request.get(name, -1.0) - value) > 1e-6:
            request[name] = value


def _context(request):
    given = request.get("context_seconds", CONTEXT_SECONDS)
    return CONTEXT_SECONDS if given is None else float(given)


def _musical(job, request, position, offset, rate, take=None):
    """Tempo map and key, unless the request has its own."""
    if job.exact:
        return
    if "tempo_map" not in request:
        context = _context(request)
        end = max(job.end, job.start + 1.0)
        points = tempo.points(max(job.start - context, 0.0), end + context)
        request["tempo_map"] = tempo.in_source(points, position, offset, rate)
    if "key" not in request:
        key = keys.parse(projects.key())
        if take:
            key = keys.transposed(key, -takes.raised_by(take)) or keys.of_file(take)
        if key:
            request["key"] = key
