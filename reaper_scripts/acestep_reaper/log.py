"""The scripts' own log, `reaper.log` in the bridge's folder. Never raises: a full disk stops no music."""

import json
import os
import time

from .foreign_text import shown
from .paths import fs, home, in_home

_LIMIT_BYTES = 1000000


def path():
    return in_home("reaper.log")


def write(text):
    """Appends an entry, whose further lines are set in, with the local time; the log starts again above 1 MB, keeping the last one."""
    try:
        os.makedirs(fs(home()), exist_ok=True)
        target = path()
        if os.path.exists(fs(target)) and os.path.getsize(fs(target)) > _LIMIT_BYTES:
            os.replace(fs(target), fs(target + ".1"))
        # an ASCII locale hands on the bytes of paths as surrogates: they are written as they were
        with open(fs(target), "a", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write("%s %s\n" % (time.strftime("%Y-%m-%d %H:%M:%S"), shown(text).replace("\n", "\n    ")))
    except (OSError, UnicodeError):
        pass


def tail(lines=200, of=""):
    """The last lines of the log (or of another process's), for a support report."""
    try:
        with open(fs(of or path()), encoding="utf-8", errors="replace") as stream:
            return "".join(_plain(line) for line in stream.readlines()[-lines:])
    except OSError:
        return ""


def _plain(line):
    """A line of a process that logs JSON, as text."""
    try:
        held = json.loads(line)
        words = [held["time"], held["level"], held["message"], held.get("traceback", "")]
        return " ".join(str(word) for word in words).rstrip() + "\n"
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
