"""Where the bridge keeps its files, and paths that work under every locale.

Under LC_ALL=C Python's file-system encoding is ASCII, so on POSIX files are opened by UTF-8 bytes.
"""

import json
import os
import sys

WINDOWS = os.name == "nt"


def fs(path):
    """What to hand to the operating system for a text path: UTF-8 bytes on POSIX, text on Windows."""
    return path if WINDOWS or isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")


def text(path):
    """A path from the operating system as the text that REAPER and JSON want."""
    if isinstance(path, bytes):
        return path.decode("utf-8", "replace")
    if WINDOWS:
        return path
    return os.fsencode(path).decode("utf-8", "replace")


def home():
    """The bridge's folder: ACESTEP_BRIDGE_HOME, or .acestep-bridge in the user's home."""
    override = os.environ.get("ACESTEP_BRIDGE_HOME")
    if override:
        return text(override)
    return text(os.path.join(os.path.expanduser("~"), ".acestep-bridge"))


def in_home(name):
    return os.path.join(home(), name)


def read_json(path):
    """The JSON object of a file, or None when it is missing or broken."""
    try:
        with open(fs(path), encoding="utf-8") as stream:
            value = json.load(stream)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(path, value):
    """Writes a JSON file in one step: readers see the old or the new one."""
    temporary = path + ".new"
    with open(fs(temporary), "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    os.replace(fs(temporary), fs(path))


def package_folder():
    """The folder that holds the entry scripts, as text."""
    here = sys.modules[__name__.rpartition(".")[0]].__file__
    return text(os.path.dirname(os.path.dirname(os.path.abspath(here))))
