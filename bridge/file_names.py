"""Names of files as the file system counts them: in bytes, of which most systems take 255. Knows no file."""

from __future__ import annotations

import os
import re
import sys

from engine.requests import TASKS

MOST_BYTES = 255  # ext4, APFS, NTFS (there 255 units of UTF-16); a folder of one's own may take fewer


def length(name: str) -> int:
    """How long the file system finds a name: bytes, or on Windows units of UTF-16."""
    return len(name.encode("utf-16-le", "surrogatepass")) // 2 if sys.platform == "win32" else len(os.fsencode(name))


def shortened(name: str, most: int) -> str:
    """The beginning of a name that is at most so long, in whole characters."""
    while length(name) > most:
        name = name[: max(0, min(len(name) - 1, most))]
    return name


_TASKS = "|".join(map(re.escape, TASKS))
_ADDED = re.compile(rf"(?:-(?:{_TASKS}|again)(?:-\d+)?| (?:{_TASKS}|acestep)(?: \d+)?)+$")


def original_stem(stem: str) -> str:
    """A stem without what earlier renders added to it ("song-retake-2", "song inpaint"): names do not grow."""
    return _ADDED.sub("", stem) or stem


def is_text(name: str) -> bool:
    """Whether a name can be written in a message, a recipe or a table, which are UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """A name as it can be drawn: bytes that are no UTF-8 as \\xe9, letters that steer as \\x1b."""
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    return shown.replace("\\udc", "\\x")
