"""How a process that the daemon starts begins, and that it ends with the daemon. Knows no renderer."""

from __future__ import annotations

import os
import signal
import sys
import threading

import msgspec

from bridge.engine_process import wire
from bridge.engine_process.line import Line
from bridge.log import LogFormatter, hide, level_of, set_up


def begin() -> tuple[wire.Start, Line]:
    """What the daemon wrote to standard input, and the line to it. The end of that input ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides
    set_up(None, level_of(), LogFormatter())
    start = msgspec.json.decode(sys.stdin.buffer.readline(), type=wire.Start)
    hide(start.key)
    threading.Thread(target=_end_with_daemon, name="parent", daemon=True).start()
    return start, Line(start)


def _end_with_daemon() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)
