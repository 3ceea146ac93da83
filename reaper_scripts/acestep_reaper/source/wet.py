"""Renders what a track plays after its FX, or its bus, into a file, with REAPER's own renderer.

The bus is the folder that the track lies in, else the track through the master.

This blocks REAPER while it renders, so it is a setting. Every render setting and the track
selection are as before afterwards. The result belongs on a track without FX: take mode would
send it through the FX twice.
"""

import os
import uuid

from reaper_python import *

from ..errors import UserError
from ..paths import fs, in_home, text
from ..project.objects import find_track, is_null, tracks
from ..state import extstate

RENDER_NOW = 42230  # render with the most recent settings, close the window when done
_NUMBERS = {
    "RENDER_BOUNDSFLAG": 0.0,  # from RENDER_STARTPOS to RENDER_ENDPOS
    "RENDER_CHANNELS": 2.0,
    "RENDER_SRATE": 0.0,
    "RENDER_TAILFLAG": 0.0,
    "RENDER_ADDTOPROJ": 0.0,
    "RENDER_NORMALIZE": 0.0,  # no normalising, limiting, fades or trimming either
    "RENDER_DITHER": 0.0,
}
_LONGEST_SECONDS = 900.0
STEMS, VIA_MASTER = 2.0, 128.0  # RENDER_SETTINGS for the selected track


class WetCapture(object):
    """`step()` does all of it at once; then `path` is the file."""

    blocks = True

    def __init__(self, track_guid, start, end, bus=False):
        self._track = track_guid
        self._bus = bus
        self._numbers = dict(_NUMBERS, RENDER_STARTPOS=start, RENDER_ENDPOS=end)
        self._folder = in_home("captures")
        self._stem = uuid.uuid4().hex
        self.path = ""

    def step(self):
        """Renders; True when the file is there, UserError when it is not."""
        track = find_track(self._track)
        if track is None:
            raise UserError("The track was deleted before it was rendered", "Undo, and try again")
        if abs(RPR_Master_GetPlayRate(0) - 1.0) > 1e-6:
            raise UserError(
                "The project's play rate is not 1, which REAPER would render",
                "Set it to 1, or capture to dry in the settings",
            )
        os.makedirs(fs(self._folder), exist_ok=True)
        track, self._numbers["RENDER_SETTINGS"] = self._what(track)
        texts = {"RENDER_FILE": self._folder, "RENDER_PATTERN": self._stem, "RENDER_FORMAT": "evaw",
                 "RENDER_FORMAT2": ""}  # fmt: skip
        extstate.beat(_LONGEST_SECONDS)
        saved = _set(self._numbers, texts)
        selected = [t for t in tracks() if RPR_GetMediaTrackInfo_Value(t, "I_SELECTED")]
        try:
            RPR_SetOnlyTrackSelected(track)
            RPR_Main_OnCommand(RENDER_NOW, 0)
        finally:
            _restore(saved, selected)
            extstate.beat()
        self.path = self._find()
        return True

    def _what(self, track):
        """(track to select, RENDER_SETTINGS)."""
        if not self._bus:
            return track, STEMS
        parent = RPR_GetParentTrack(track)
        return (track, VIA_MASTER) if is_null(parent) else (parent, STEMS)

    def _find(self):
        for name in sorted(text(n) for n in os.listdir(fs(self._folder))):
            path = os.path.join(self._folder, name)
            if name.startswith(self._stem) and os.path.getsize(fs(path)) > 44:
                return path
        raise UserError("REAPER rendered no file", "Set capture to dry in the settings, or free disk space")


def _set(numbers, texts):
    """Sets render settings; returns what they were."""
    old = ({}, {})
    for key, value in numbers.items():
        old[0][key] = RPR_GetSetProjectInfo(0, key, 0.0, 0)
        RPR_GetSetProjectInfo(0, key, value, 1)
    for key, value in texts.items():
        old[1][key] = RPR_GetSetProjectInfo_String(0, key, "", 0)[3]
        RPR_GetSetProjectInfo_String(0, key, value, 1)
    return old


def _restore(saved, selected):
    _set(saved[0], saved[1])
    for track in tracks():
        RPR_SetTrackSelected(track, 0)
    for track in selected:
        RPR_SetTrackSelected(track, 1)
