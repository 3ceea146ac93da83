"""What a take plays of its file's channels (CHANMODE), and the same for a new file that holds some of them.

CHANMODE: 0 all, 1 the first two exchanged, 2 mixed to mono, 3 and more one channel (3 the first), 67 and more two
neighbouring ones (67 the first two). Channels count from 1. Knows no files.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.rpp.text import refused

NORMAL, EXCHANGED, MONO_MIX, FIRST_MONO, FIRST_PAIR = 0, 1, 2, 3, 67
STEREO = 2


def heard(mode: int) -> tuple[int, ...]:
    """The channels that a take plays, left before right; empty where it plays all that there are."""
    if mode in (NORMAL, MONO_MIX):
        return ()
    if mode == EXCHANGED:
        return (2, 1)
    if mode < FIRST_PAIR:
        return (mode - FIRST_MONO + 1,)
    return (mode - FIRST_PAIR + 1, mode - FIRST_PAIR + 2)


def channels_to_render(mode: int, count: int) -> list[int] | None:
    """The channels of a file of `count` that a request names, where it must: those that the take plays.

    None for a file of one or two channels, and where the take plays (or mixes) more: the user chooses then.
    Raises ProjectRefused where the take plays a channel that the file does not have.
    """
    played = sorted(heard(mode))
    if mode >= FIRST_MONO + STEREO and played[0] > count:
        got = f"a take that plays channel {played[0]} of a file with {count}"
        raise refused("track", got, "channels that the file has", "Set the take's channel mode to normal in REAPER.")
    if count <= STEREO or mode < FIRST_MONO:
        return None
    return [channel for channel in played if channel <= count]


def mode_of_new_file(mode: int, chosen: Sequence[int], count: int) -> int:
    """The CHANMODE under which a file of the channels `chosen` (of `count`) sounds as the take did.

    Raises ProjectRefused where a channel that the take plays is not among them.
    """
    if mode == NORMAL or (len(chosen) == 1 and mode == MONO_MIX):
        return NORMAL
    if mode == MONO_MIX:
        return MONO_MIX
    played = [channel for channel in heard(mode) if channel <= count]
    if mode == EXCHANGED:
        played = [channel for channel in played if channel in chosen] or played
    missing = [channel for channel in played if channel not in chosen]
    if missing:
        got = f"{','.join(map(str, chosen))}, while the take plays channel {', '.join(map(str, missing))}"
        remedy = "Leave --channels out, or set the take's channel mode in REAPER."
        raise refused("channels", got, "channels that the take plays", remedy)
    return _mode_of([list(chosen).index(channel) for channel in played], len(chosen))


def _mode_of(places: list[int], count: int) -> int:
    if count == 1:
        return NORMAL
    if len(places) == 1:
        return FIRST_MONO + places[0]
    return NORMAL if places == [0, 1] else EXCHANGED
