"""Results as items on new tracks: one track below each source track, all variations as takes of one item."""

from reaper_python import *

from ..foreign_text import in_one_line
from ..jobs.kinds import OF_REGION, Cut, NoSource, Track
from ..project import takes
from ..project.objects import find_item, find_take, find_track, is_null, item_text, set_take_text, tracks
from . import lanes


class Layout(object):
    """The new tracks of one placing, by the GUID of the track above."""

    def __init__(self):
        self._made = {}
        self.lanes = lanes.Lanes()

    def track(self, guid, name, after_folder=False):
        """The new track below a track; at the end where that is gone.

        It is in the folder that the other one is in, so that it plays through the same FX; what was
        captured behind the folder goes below all of it.
        """
        if guid not in self._made:
            above = find_track(guid)
            if above and after_folder:
                above = _last_of_folder(above)
            index = int(RPR_GetMediaTrackInfo_Value(above, "IP_TRACKNUMBER")) if above else len(tracks())
            RPR_InsertTrackAtIndex(index, 0)
            self._made[guid] = RPR_GetTrack(0, index)
            RPR_GetSetMediaTrackInfo_String(self._made[guid], "P_NAME", in_one_line(name), 1)
            if above and not after_folder:
                _stay_in_folder(above, self._made[guid])
        return self._made[guid]


def _depth(track):
    return int(RPR_GetMediaTrackInfo_Value(track, "I_FOLDERDEPTH"))


def _last_of_folder(track):
    """The last track of the folder that a track lies in, or itself."""
    parent = RPR_GetParentTrack(track)
    if is_null(parent):
        return track
    last, level = track, 1
    for other in tracks()[int(RPR_GetMediaTrackInfo_Value(track, "IP_TRACKNUMBER")) - 1 :]:
        last, level = other, level + _depth(other)
        if level <= 0:
            break
    return last


def _stay_in_folder(above, new):
    """Where the track above closes folders, the new one does instead; a track with locked controls stays as it is."""
    closing = _depth(above)
    if closing >= 0:
        return
    RPR_SetMediaTrackInfo_Value(above, "I_FOLDERDEPTH", 0.0)
    if _depth(above) == 0:
        RPR_SetMediaTrackInfo_Value(new, "I_FOLDERDEPTH", float(closing))


def add(part, sources, layout, sign):
    """One item with a take for each file of a part, or one a lane; returns their sources."""
    job = part.job
    track = layout.track(job.track, ("ACE-Step " + job.name).strip(), job.capture == "bus")
    on_lanes = layout.lanes.wanted and len(part.files) > 1
    if on_lanes and (not lanes.has(track) or lanes.count(track) < len(part.files)):
        lanes.give(track, len(part.files))
    item, first = None, None
    for index, path in enumerate(part.files):
        if item is None or on_lanes:
            item = RPR_AddMediaItemToTrack(track)
            _extend(item, part, index, sources[path])
        if on_lanes:
            first = first or item_text(item, "GUID")
            RPR_SetMediaItemInfo_Value(item, "I_FIXEDLANE", float(index))
            RPR_GetSetMediaItemInfo_String(item, lanes.OF, first, 1)
        _add_take(item, part, index, sources[path], sign)
    if on_lanes:
        lanes.play(track, len(part.files) - 1)
    return [sources[path] for path in part.files]


def _extend(item, part, index, source):
    """Where an item lies, by the result that it plays first."""
    begins, start, end, fade = _extent(part, index, RPR_GetMediaSourceLength(source, 0)[0])
    for key, value in (("D_POSITION", start + _moved(part.job)), ("D_LENGTH", end - start), ("B_LOOPSRC", 0.0),
                       ("D_FADEINLEN", fade), ("D_FADEOUTLEN", fade)):  # fmt: skip
        RPR_SetMediaItemInfo_Value(item, key, value)


def _add_take(item, part, index, source, sign):
    take, job = RPR_AddTakeToMediaItem(item), part.job
    RPR_SetMediaItemTake_Source(take, source)
    begins, start, _, _ = _extent(part, index, RPR_GetMediaSourceLength(source, 0)[0])
    _play(take, job, (start - begins) * job.result.rate)
    sign(take, part, index)
    if job.result.source and job.task not in OF_REGION:
        set_take_text(take, "P_EXT:acestep_original", job.again.take if job.again else job.take)
    RPR_SetActiveTake(take)
    RPR_UpdateItemInProject(item)


def _moved(job):
    """Seconds by which the item was moved since its file was read: the region is there now."""
    item = find_item(job.item) if job.item and job.result.source else None
    take = find_take(item, job.again.take if job.again else job.take) if item else None
    return takes.anchor(item, take) - job.result.anchor if take else 0.0


def _extent(part, index, length):
    """(where the file begins, start, end, fade) in project seconds; the fades lie outside the region."""
    job = part.job
    begins = _begins(part, index)
    end = begins + length / job.result.rate
    whole = isinstance(job.result, (NoSource, Cut)) or getattr(job.result, "whole", False)
    if whole or job.task not in OF_REGION:
        return begins, begins, end, 0.0
    return begins, max(job.start - job.crossfade, begins), min(job.end + job.crossfade, end), job.crossfade


def _begins(part, index):
    """Where the new file's first sample lies in project time."""
    job, result = part.job, part.job.result
    if isinstance(result, NoSource):
        return job.start
    if isinstance(result, Track) and result.begins is not None:
        return result.begins
    begins = result.anchor + result.origin / result.rate - job.extend_before
    if isinstance(result, Track) and job.task in OF_REGION:
        entry = part.results[index]
        begins += part.offset(entry) / float(entry["audio"]["sample_rate"])
    return begins


def _play(take, job, offset):
    """Offset and rate; what else the original take had, where its file was edited."""
    item = find_item(job.item) if job.item else None
    old = find_take(item, job.take) if item else None
    if old and job.result.source:
        takes.copy_properties(old, take)
    RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", offset)
    RPR_SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", job.result.rate)
