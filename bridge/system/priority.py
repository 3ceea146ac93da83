"""The place of a process in the queue for the processor."""

from __future__ import annotations

import os
import sys

STEPS_BACK = 5  # of niceness: a third of the processor time of a process that has not stepped back


def let_others_go_first() -> None:
    """Lower this process' priority, and that of the threads and processes that it begins from now on.

    A render takes all that nobody else wants; DAW, surfaces and pages stay quick meanwhile.
    """
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(STEPS_BACK)
