"""What the user has locked: an item, or all items by the project's lock settings (Options > Locking).

A lock is kept: a locked item is read, never changed. The lock of a track is none of them: in REAPER it
guards the track's controls, not its items. REAPER tells a script of single lock settings only while
locking as a whole is on.
"""

from reaper_python import *

LOCKING, ITEMS_FULL, ITEM_EDGES = 1135, 40576, 40597  # toggle actions: all of it, "Items (full)", "Item edges"
ITEM = "The item is locked"
PROJECT = "Items are locked in this project (Options > Locking)"
EDGES = "Item edges are locked in this project (Options > Locking)"
HOW = "Unlock it (right click, Item settings, Lock), or choose another one"
HOW_PROJECT = "Turn it off, then do it again"


def _set(setting):
    return RPR_GetToggleCommandState(LOCKING) == 1 and RPR_GetToggleCommandState(setting) == 1


def item_locked(item):
    """Whether this item is locked by itself."""
    return bool(int(RPR_GetMediaItemInfo_Value(item, "C_LOCK")) & 1)


def project_locked():
    """Whether the project's lock settings hold all items."""
    return _set(ITEMS_FULL)


def why(item, edges=False):
    """Why an item must stay as it is, or an empty text; `edges`: whether its edges would move."""
    if item_locked(item):
        return ITEM
    if project_locked():
        return PROJECT
    return EDGES if edges and _set(ITEM_EDGES) else ""


def remedy(reason):
    """What a user can do about a reason of `why`."""
    return HOW if reason == ITEM else HOW_PROJECT
