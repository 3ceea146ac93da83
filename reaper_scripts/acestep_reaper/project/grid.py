"""When another take may begin to count while the project plays: at a beat, a bar, every so many bars. Knows no take."""

from reaper_python import *

HALF_A_TICK = 0.017  # a tick comes up to 33 ms late: half of them before the bar, half of them behind it


def count(quantize):
    """How many of these steps are over where REAPER renders next: another number means that one began.

    `quantize` is what a control surface set: beat, bar, or so many bars such as 4 bars. None where nothing is waited for.
    """
    if not quantize or not RPR_GetPlayStateEx(0) & 1:
        return None
    measured = RPR_TimeMap2_timeToBeats(0, RPR_GetPlayPosition2Ex(0) + HALF_A_TICK, 0, 0, 0, 0)
    if quantize == "beat":
        return int(measured[5] // 1)
    words = quantize.split()
    return measured[3] // (int(words[0]) if len(words) == 2 and words[0].isdigit() else 1)
