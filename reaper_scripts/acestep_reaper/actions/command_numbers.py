"""The command numbers of our scripts: those that REAPER knows are used, else it is told of the script.

`acestep-bridge reaper install` registers a script under an id made from its place below Scripts; REAPER itself makes
ids of its own, which are kept in external state.
"""

import hashlib
import os

from reaper_python import *

from ..paths import fs
from ..state import extstate

_KEY = "commands"  # path of a script: the named command id that REAPER gave it


def _installed_id(path):
    """The id that the installer gives a script: by its place, REPOSITORY/CATEGORY/FILE."""
    place = "/".join(path.replace("\\", "/").split("/")[-3:])
    return "_RS" + hashlib.sha1(place.encode("utf-8", "surrogateescape")).hexdigest()


def number(path):
    """The command number of a script; 0 where the file is missing. REAPER's list of actions grows only if it must."""
    if not os.path.exists(fs(path)):
        return 0
    kept = extstate.read(_KEY, {})
    for name in (_installed_id(path), kept.get(path, "")):
        known = RPR_NamedCommandLookup(name) if name else 0
        if known:
            return known
    added = RPR_AddRemoveReaScript(1, 0, path, 1)
    if added:
        extstate.write(_KEY, dict(kept, **{path: name_of(added)}), persist=True)
    return added


def name_of(command):
    """The named command id of a number, such as _RS1234."""
    return "_" + RPR_ReverseNamedCommandLookup(command).lstrip("_")
