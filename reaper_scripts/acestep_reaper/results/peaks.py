"""Peaks of what was placed, one step a tick. Knows media sources only."""

from reaper_python import *

from ..project.pointers import valid


class Peaks(object):
    """`add` sources, `step` until nothing is `waiting`."""

    def __init__(self):
        self.waiting = []
        self._building = None

    def add(self, sources):
        self.waiting += sources

    def step(self):
        """One bounded piece of work; an undo may have taken the source away."""
        if not self.waiting:
            return
        source = self.waiting[0]
        if not valid(source, "PCM_source*"):
            self._next()
        elif source != self._building:
            self._building = source
            if RPR_PCM_Source_BuildPeaks(source, 0) == 0:
                self._next()
        elif RPR_PCM_Source_BuildPeaks(source, 1) == 0:
            RPR_PCM_Source_BuildPeaks(source, 2)
            self._next()

    def _next(self):
        self.waiting.pop(0)
        self._building = None
