"""Next, previous, commit, reject, compare: which take of an item plays. No daemon is needed."""

import json

from reaper_python import *

from ..errors import UserError
from ..project import locks
from ..project.objects import find_take, is_null, item_text, selected_items, take_text, takes, undo_block
from ..state import status
from . import lane_actions
from .targets import one_item

CROP_TO_ACTIVE, DELETE_ACTIVE = 40131, 40129
COMPARED = "P_EXT:acestep_compare"


def _chosen():
    """(items, note): the selected items, or the one under the edit cursor; locked ones are left alone, and named."""
    items = selected_items() or [one_item()]
    reasons = [locks.why(item) for item in items]
    free = [item for item, reason in zip(items, reasons) if not reason]
    if not free:
        raise UserError(reasons[0], locks.remedy(reasons[0]))
    left = len(items) - len(free)
    return free, "%d locked items were left alone" % left if left else ""


def _audio_takes(item):
    return [t for t in takes(item) if not is_null(t)]


def _ours(take):
    return not is_null(take) and bool(take_text(take, "P_EXT:acestep_job"))


def _on_lanes(items):
    """Of items with one take, those whose versions lie on lanes, one per track."""
    return lane_actions.of_each_track([i for i in items if RPR_CountTakes(i) == 1])


def _flags(on_lanes):
    """What an undo point holds: lanes are the track's."""
    return -1 if on_lanes else 4


def step(by):
    """The next (1) or previous (-1) take of each selected item becomes the active one; on lanes, the next lane plays."""
    chosen, note = _chosen()
    many, on_lanes = [i for i in chosen if len(_audio_takes(i)) > 1], _on_lanes(chosen)
    if not many and not on_lanes:
        raise UserError("The item has one take only", "Regenerate it first")
    with undo_block("ACE-Step: %s take" % ("next" if by > 0 else "previous"), _flags(on_lanes)):
        for item in many:
            _step(item, by)
        for item in on_lanes:
            lane_actions.step(item, by)
    _say(_which(many, on_lanes), note)


def _step(item, by):
    takes_of_item, active = _audio_takes(item), RPR_GetActiveTake(item)
    at = takes_of_item.index(active) if active in takes_of_item else (-1 if by > 0 else 0)
    RPR_SetActiveTake(takes_of_item[(at + by) % len(takes_of_item)])
    RPR_UpdateItemInProject(item)


def _say(*sentences):
    """What was done, and what was left alone."""
    text = ". ".join(sentence for sentence in sentences if sentence)
    if text:
        status.answer(text)


def _which(chosen, on_lanes=()):
    """Which take, or lane, plays now, as 2/4 and its name; of the first item, where there are several."""
    count = len(chosen) + len(on_lanes) - 1
    more = " (and %d more items)" % count if count else ""
    if not chosen:
        return lane_actions.which(on_lanes[0]) + more
    takes_of_item, active = _audio_takes(chosen[0]), RPR_GetActiveTake(chosen[0])
    name = take_text(active, "P_NAME") + _made_by(active)
    return "take %d/%d: %s%s" % (takes_of_item.index(active) + 1, len(takes_of_item), name, more)


def _made_by(take):
    """The model that made a take of ours."""
    try:
        name = json.loads(take_text(take, "P_EXT:acestep_model") or "{}").get("name")
    except (ValueError, AttributeError):
        name = ""
    return ", made by %s" % name if name else ""


def _with_only(item, command):
    """Runs an action of REAPER's that drops takes on one item, with the selection as before; whether it did."""
    selected, before = selected_items(), RPR_CountTakes(item)
    for other in selected:
        RPR_SetMediaItemSelected(other, 0)
    RPR_SetMediaItemSelected(item, 1)
    RPR_Main_OnCommand(command, 0)
    RPR_SetMediaItemSelected(item, 0)
    for other in selected:
        RPR_SetMediaItemSelected(other, 1)
    return RPR_CountTakes(item) < before


def _dropped(chosen, done):
    """Says so when REAPER did not drop the takes of some items."""
    left = len(chosen) - done
    if left:
        raise UserError(
            "REAPER left the takes of %d items as they are" % left,
            "Turn off the locks in Options > Locking, then do it again",
        )


def commit():
    """Keeps the active take and drops the others; their files stay, and undo brings them back."""
    chosen, note = _chosen()
    chosen = [i for i in chosen if RPR_CountTakes(i) > 1]
    if not chosen:
        raise UserError("The item has one take only", "There is nothing to choose from")
    chosen = [i for i in chosen if not is_null(RPR_GetActiveTake(i))]
    if not chosen:
        raise UserError("The active take is empty", "Go to the take that you want to keep")
    with undo_block("ACE-Step: commit take", 4):
        done = sum([_with_only(item, CROP_TO_ACTIVE) for item in chosen])
    _say(note)
    _dropped(chosen, done)


def keep():
    """Keeps the active take and drops our others; the user's own takes stay, and undo brings all back."""
    chosen, note = _chosen()
    others = [(item, _our_others(item)) for item in chosen if not is_null(RPR_GetActiveTake(item))]
    others = [(item, guids) for item, guids in others if guids]
    kept = [lane_actions.playing(item) for item in _on_lanes(chosen)]
    on_lanes = [(item, lane_actions.others(item)) for item in kept if lane_actions.others(item)]
    if not others and not on_lanes:
        raise UserError("No other take here was made by ACE-Step", "There is nothing to drop")
    with undo_block("ACE-Step: keep take, drop our others", _flags(on_lanes)):
        done = sum([_without(item, guids) for item, guids in others])
        for _, versions in on_lanes:
            lane_actions.drop(versions)
    count = sum([len(dropped) for _, dropped in others + on_lanes])
    _say(_which([i for i, _ in others], [i for i, _ in on_lanes]), "%d of our takes dropped" % count, note)
    _dropped(others, done)


def _our_others(item):
    """GUIDs of our takes other than the active one."""
    active = RPR_GetActiveTake(item)
    return [take_text(t, "GUID") for t in _audio_takes(item) if t != active and _ours(t)]


def _without(item, guids):
    """Drops takes of an item, by REAPER's own action; whether it dropped them all. The active take stays so."""
    kept, done = take_text(RPR_GetActiveTake(item), "GUID"), True
    for guid in guids:
        RPR_SetActiveTake(find_take(item, guid))
        done = _with_only(item, DELETE_ACTIVE) and done
    RPR_SetActiveTake(find_take(item, kept))
    RPR_UpdateItemInProject(item)
    return done


def reject():
    """Drops the active take, if it is ours, and plays what it was made from."""
    chosen, note = _chosen()
    ours = [i for i in chosen if _ours(RPR_GetActiveTake(i)) and RPR_CountTakes(i) > 1]
    on_lanes = [lane_actions.playing(item) for item in _on_lanes(chosen)]
    on_lanes = [item for item in on_lanes if lane_actions.ours(item) and not locks.why(item)]
    if not ours and not on_lanes:
        raise UserError("The active take was not made by ACE-Step", "Go to the take that you want to drop")
    with undo_block("ACE-Step: reject take", _flags(on_lanes)):
        done = sum([_rejected(item) for item in ours])
        for item in on_lanes:
            lane_actions.reject(item)
    _say(note)
    _dropped(ours, done)


def _rejected(item):
    """Whether the active take was dropped; what it was made from plays then."""
    original = take_text(RPR_GetActiveTake(item), "P_EXT:acestep_original")
    if not _with_only(item, DELETE_ACTIVE):
        return False
    take = find_take(item, original)
    if take:
        RPR_SetActiveTake(take)
    RPR_UpdateItemInProject(item)
    return True


def compare():
    """Between the take and what it was made from, and back."""
    chosen, note = _chosen()
    pairs = [(item, _other(item)) for item in chosen]
    pairs = [(item, other) for item, other in pairs if other is not None]
    on_lanes = [item for item in _on_lanes(chosen) if lane_actions.other(item)]
    if not pairs and not on_lanes:
        raise UserError("There is nothing to compare with", "Regenerate the item first")
    with undo_block("ACE-Step: compare", _flags(on_lanes)):
        for item, other in pairs:
            _show(item, other)
        for item in on_lanes:
            lane_actions.compare(item)
    _say(_which([item for item, _ in pairs], on_lanes), note)


def _show(item, other):
    active = RPR_GetActiveTake(item)
    back = take_text(active, "GUID") if _ours(active) else ""
    RPR_GetSetMediaItemInfo_String(item, COMPARED, back, 1)
    RPR_SetActiveTake(other)
    RPR_UpdateItemInProject(item)


def _other(item):
    """The take compared last, if it was made from the active one; else what the active one was made from; or None.

    Of a take of the user's own, the newest that was made from it.
    """
    active = RPR_GetActiveTake(item)
    if is_null(active):
        return None
    own, before = take_text(active, "GUID"), item_text(item, COMPARED)
    derived = [t for t in _audio_takes(item) if take_text(t, "P_EXT:acestep_original") == own]
    compared = [t for t in derived if take_text(t, "GUID") == before]
    if compared:
        return compared[0]
    if _ours(active):
        return find_take(item, take_text(active, "P_EXT:acestep_original"))
    return derived[-1] if derived else None
