"""Pointers as REAPER hands them to Python, and texts that its module cannot decode.

A pointer is a text such as (MediaTrack*)0x00000000012AB3C0, NULL is one too. REAPER's own module asks
`ValidatePtr` about every pointer that it passes on, which knows projects, tracks, items, takes, track envelopes and
media sources only: for any other kind NULL is passed. Those go to the C function itself, as numbers.
"""

import ctypes

from reaper_python import *


def address(pointer):
    """The number in a pointer text; 0 for NULL, for None and for an empty text."""
    return int(str(pointer or "").rpartition("0x")[2] or "0", 16)


def is_null(pointer):
    """Whether a pointer text is NULL."""
    return address(pointer) == 0


def as_text(number, kind):
    """The pointer text of a number, as REAPER's module writes it."""
    return "(%s)0x%016X" % (kind, number)


def function(name, result, *arguments):
    """REAPER's C function of a name, to be called with numbers: nothing is validated, no buffer is made."""
    return ctypes.CFUNCTYPE(result, *arguments)(rpr_getfp(name))


def valid(pointer, kind):
    """Whether a pointer text still names a living thing of the active project; `kind` such as MediaItem*.

    The C function itself: the module's RPR_ValidatePtr takes a number, its RPR_ValidatePtr2 always says no.
    """
    number = address(pointer)
    if not number:
        return False
    ask = function("ValidatePtr", ctypes.c_byte, ctypes.c_uint64, ctypes.c_char_p)
    return bool(ask(number, kind.encode("ascii")))


def readable(read, default=""):
    """What `read()` gives, or `default` where REAPER's text is no UTF-8 (old projects, file names, tags of files)."""
    try:
        return read()
    except UnicodeDecodeError:
        return default
