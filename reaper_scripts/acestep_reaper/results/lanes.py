"""Results as items on new fixed lanes instead of takes, for swipe comping: a setting, off by default; REAPER 7.

Only where the track has fixed lanes, or is a new one of ours. A new lane plays alone where nothing else of the track
would fall silent by it; else it stays silent, and the notice names it. Facts: REAPER's header, and what REAPER 7.80 was
seen to do (an item's I_FIXEDLANE adds lanes; C_LANEPLAYS:N of 1 silences all other lanes; a lane added to a track
whose lanes all play plays, too).
"""

from reaper_python import *

from ..project.objects import item_text, items_between, lane_plays, span, track_items, track_name
from ..state import settings

FIXED_LANES = 2  # of I_FREEMODE
OF = "P_EXT:acestep_lane_of"  # an item's: the GUID of the item that it is a version of
COPIED = (
    "D_POSITION", "D_LENGTH", "D_VOL", "D_SNAPOFFSET", "B_LOOPSRC", "C_BEATATTACHMODE", "D_FADEINLEN", "D_FADEOUTLEN",
    "D_FADEINLEN_AUTO", "D_FADEOUTLEN_AUTO", "C_FADEINSHAPE", "C_FADEOUTSHAPE",
)  # fmt: skip
SILENT = "It is in lane %d of %s, which does not play: other items would fall silent. Swipe it, or play the lane"


def wanted():
    """Whether results are to be lanes, and this REAPER has them."""
    try:
        version = int(RPR_GetAppVersion().split(".")[0])
    except ValueError:
        return False
    return version >= 7 and settings.yes(settings.load(), "lanes")


def has(track):
    """Whether a track has fixed lanes."""
    return RPR_GetMediaTrackInfo_Value(track, "I_FREEMODE") == FIXED_LANES


def count(track):
    return int(RPR_GetMediaTrackInfo_Value(track, "I_NUMFIXEDLANES"))


def play(track, lane):
    """This lane alone."""
    RPR_SetMediaTrackInfo_Value(track, "C_LANEPLAYS:%d" % lane, 1.0)


def of(item):
    return int(RPR_GetMediaItemInfo_Value(item, "I_FIXEDLANE"))


def give(track, number):
    """Fixed lanes for a new track; both values, since one alone leaves a lane too many when the project is reopened."""
    RPR_SetMediaTrackInfo_Value(track, "I_FREEMODE", float(FIXED_LANES))
    RPR_UpdateTimeline()
    RPR_SetMediaTrackInfo_Value(track, "I_NUMFIXEDLANES", float(number))


class Lanes(object):
    """The new lanes of one placing."""

    def __init__(self):
        self.wanted = wanted()
        self._first = {}  # track: number of its first new lane
        self._used = {}  # track: how many new lanes
        self._playing = {}  # track: GUIDs of the items that played before
        self._replaced = {}  # track: GUIDs of the items that have a version on a new lane

    def homes(self, homes, index):
        """`placing`'s homes for a result: where they are on lanes, a new item on lane `index` of the new ones."""
        return [self._home(home, index) for home in homes]

    def _home(self, home, index):
        item = home[0]
        track = RPR_GetMediaItem_Track(item)
        if not self.wanted or not has(track):
            return home
        self._begin(track)
        self._replaced[track].add(item_text(item, "GUID"))
        self._used[track] = max(self._used[track], index + 1)
        return (_version(track, item, self._first[track] + index),) + tuple(home[1:])

    def _begin(self, track):
        if track not in self._first:
            self._first[track], self._used[track], self._replaced[track] = count(track), 0, set()
            heard = [i for i in track_items(track) if RPR_GetMediaItemInfo_Value(i, "C_LANEPLAYS") > 0]
            self._playing[track] = set(item_text(i, "GUID") for i in heard)

    def finish(self, note):
        """The last new lane of each track plays, where nothing else falls silent."""
        for track, first in sorted(self._first.items()):
            last = first + self._used[track] - 1
            for lane in range(first, last + 1):
                RPR_SetMediaTrackInfo_Value(track, "C_LANEPLAYS:%d" % lane, 0.0)
            if self._playing[track] <= self._replaced[track]:
                play(track, last)
            else:
                note(SILENT % (last + 1, track_name(track)))


def _version(track, item, lane):
    """A new item like another one, without takes, on a lane."""
    new = RPR_AddMediaItemToTrack(track)
    for key in COPIED:
        RPR_SetMediaItemInfo_Value(new, key, RPR_GetMediaItemInfo_Value(item, key))
    RPR_SetMediaItemInfo_Value(new, "I_FIXEDLANE", float(lane))
    RPR_GetSetMediaItemInfo_String(new, OF, root(item), 1)
    return new


def root(item):
    """GUID of the item that this one is a version of, or its own."""
    return item_text(item, OF) or item_text(item, "GUID")


def versions(item):
    """The item and its versions on other lanes of its track, lane by lane; none where the track has no lanes."""
    track = RPR_GetMediaItem_Track(item)
    if not has(track):
        return []
    first, by_lane = root(item), {of(item): item}
    for other in items_between(track, *span(item)):
        if root(other) == first:
            by_lane.setdefault(of(other), other)
    return [by_lane[lane] for lane in sorted(by_lane)]


def heard(item):
    """The item; where its lane is silent, the version of it that plays, if one does."""
    if lane_plays(item):
        return item
    playing = [other for other in versions(item) if lane_plays(other)]
    return playing[-1] if playing else item
