"""The one non-modal place where the scripts speak: REAPER's help line, and a tooltip for errors.

Nothing here takes the focus. The last lines are kept in external state for the jobs window.
"""

import time

from reaper_python import *

from .. import log
from ..foreign_text import shown
from . import extstate

READ_SECONDS = 2.0


def show(text):
    """A line about what goes on."""
    RPR_Help_Set("ACE-Step: " + shown(text), 0)
    extstate.write("status", shown(text))


def answer(text):
    """What a key press did: progress leaves it there for a moment."""
    show(text)
    extstate.write("answered", time.time())


def answered():
    """Whether there is an answer that may not have been read yet."""
    return abs(time.time() - extstate.read("answered", 0.0)) < READ_SECONDS


def problem(error):
    """An error: in the help line, as a tooltip at the mouse, in the log."""
    text = str(error)
    log.write("problem: " + text)
    RPR_Help_Set("ACE-Step: " + shown(text), 0)
    x, y = RPR_GetMousePosition(0, 0)
    RPR_TrackCtl_SetToolTip("ACE-Step: " + shown(text), x, y + 20, 1)
    extstate.write("status", shown(text))
    extstate.write("problem", shown(text))


def clear():
    """Empties the line."""
    RPR_Help_Set("", 0)
