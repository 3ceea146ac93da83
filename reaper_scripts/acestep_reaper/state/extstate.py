"""REAPER's external state: settings, the queue of commands, and who may run in the background.

Values are base64 of JSON, because persistent values must not hold newlines.
"""

import base64
import json
import time
import uuid

from reaper_python import *

SECTION = "acestep"
FRESH_SECONDS = 30.0  # longer than REAPER blocks; a script that ends well says so at once


def _encode(value):
    return base64.b64encode(json.dumps(value).encode("utf-8")).decode("ascii")


def _decode(text, default):
    try:
        return json.loads(base64.b64decode(text.encode("ascii")).decode("utf-8"))
    except ValueError:
        return default


def read(key, default=None):
    """A value, or `default`."""
    text = RPR_GetExtState(SECTION, key)
    return _decode(text, default) if text else default


def write(key, value, persist=False):
    RPR_SetExtState(SECTION, key, _encode(value), 1 if persist else 0)


# commands, from entry scripts to the background script
def append_command(command):
    """Hands a JSON object to the background script."""
    waiting = RPR_GetExtState(SECTION, "queue")
    RPR_SetExtState(SECTION, "queue", (waiting + "," if waiting else "") + _encode(command), 0)


def take_commands():
    """All waiting commands, oldest first; the queue is empty afterwards."""
    text = RPR_GetExtState(SECTION, "queue")
    if not text:
        return []
    RPR_SetExtState(SECTION, "queue", "", 0)
    return [c for c in (_decode(part, None) for part in text.split(",")) if c]


# the one background script
def claim():
    """Makes the caller the background script; returns its token."""
    token = uuid.uuid4().hex
    RPR_SetExtState(SECTION, "token", token, 0)
    beat()
    return token


def holds(token):
    return RPR_GetExtState(SECTION, "token") == token


def beat(seconds_ahead=0.0):
    """Says that the background script lives; ahead of something that blocks, for longer."""
    RPR_SetExtState(SECTION, "heartbeat", repr(time.time() + seconds_ahead), 0)


def release():
    RPR_SetExtState(SECTION, "heartbeat", "", 0)


def background_lives():
    """Whether the background script has been heard of lately."""
    text = RPR_GetExtState(SECTION, "heartbeat")
    try:
        return time.time() - float(text) < FRESH_SECONDS
    except ValueError:
        return False
