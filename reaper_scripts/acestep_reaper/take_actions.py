"""Next, previous, commit, reject, compare: which take of an item plays. No daemon is needed."""

from reaper_python import *

from .errors import UserError
from .objects import find_take, is_null, item_text, locked, selected_items, take_text, takes, undo_block
from .targets import one_item

CROP_TO_ACTIVE, DELETE_ACTIVE = 40131, 40129
TOGGLE_LOCKING = 1135


def _chosen():
    """The selected items, or the one under the edit cursor; locked ones are left alone."""
    found = selected_items() or [one_item()]
    free = [i for i in found if not locked(i)]
    if not free:
        raise UserError("The item is locked", "Unlock it, or choose another one")
    return free


def _unless_project_locked():
    """REAPER's own actions do nothing where the project's lock holds items."""
    if RPR_GetToggleCommandState(TOGGLE_LOCKING) == 1:
        raise UserError("Locking is on in this project", "Turn it off (Options > Locking), then do it again")


def _ours(take):
    return not is_null(take) and bool(take_text(take, "P_EXT:acestep_job"))


def step(by):
    """The next (1) or previous (-1) take of each selected item becomes the active one."""
    chosen = [i for i in _chosen() if RPR_CountTakes(i) > 1]
    if not chosen:
        raise UserError("The item has one take only", "Regenerate it first")
    with undo_block("ACE-Step: %s take" % ("next" if by > 0 else "previous"), 4):
        for item in chosen:
            found = [t for t in takes(item) if not is_null(t)]
            active = RPR_GetActiveTake(item)
            at = found.index(active) if active in found else (-1 if by > 0 else 0)
            RPR_SetActiveTake(found[(at + by) % len(found)])
            RPR_UpdateItemInProject(item)


def _with_only(item, command):
    """Runs an action of REAPER's on one item; the selection is as before afterwards."""
    selected = selected_items()
    for other in selected:
        RPR_SetMediaItemSelected(other, 0)
    RPR_SetMediaItemSelected(item, 1)
    RPR_Main_OnCommand(command, 0)
    RPR_SetMediaItemSelected(item, 0)
    for other in selected:
        RPR_SetMediaItemSelected(other, 1)


def commit():
    """Keeps the active take and drops the others; their files stay, and undo brings them back."""
    chosen = [i for i in _chosen() if RPR_CountTakes(i) > 1]
    if not chosen:
        raise UserError("The item has one take only", "There is nothing to choose from")
    _unless_project_locked()
    with undo_block("ACE-Step: commit take", 4):
        for item in chosen:
            _with_only(item, CROP_TO_ACTIVE)


def reject():
    """Drops the active take, if it is ours, and plays what it was made from."""
    chosen = [i for i in _chosen() if _ours(RPR_GetActiveTake(i)) and RPR_CountTakes(i) > 1]
    if not chosen:
        raise UserError("The active take was not made by ACE-Step", "Go to the take that you want to drop")
    _unless_project_locked()
    with undo_block("ACE-Step: reject take", 4):
        for item in chosen:
            original = take_text(RPR_GetActiveTake(item), "P_EXT:acestep_original")
            _with_only(item, DELETE_ACTIVE)
            take = find_take(item, original)
            if take:
                RPR_SetActiveTake(take)
            RPR_UpdateItemInProject(item)


def compare():
    """Between the take and what it was made from, and back."""
    item = _chosen()[0]
    active = RPR_GetActiveTake(item)
    if _ours(active):
        other = find_take(item, take_text(active, "P_EXT:acestep_original"))
        back = take_text(active, "GUID")
    else:
        other = find_take(item, item_text(item, "P_EXT:acestep_compare"))
        back = ""
    if other is None:
        raise UserError("There is nothing to compare with", "Regenerate the item first")
    with undo_block("ACE-Step: compare", 4):
        RPR_GetSetMediaItemInfo_String(item, "P_EXT:acestep_compare", back, 1)
        RPR_SetActiveTake(other)
        RPR_UpdateItemInProject(item)
