"""The parent of a daemon: starts it again when a fault has ended it. Knows processes only, and imports little.

A daemon that ended in order, or said why it cannot run, stays ended. Signals that stop are handed on. Whoever kills the
parent leaves the daemon alone, without one.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

OPTION = "--supervise"
IN_ORDER = frozenset({0, 1, 2})  # stopped; cannot run, and has said why
STOPPING = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")
MOST_DEATHS, WITHIN_SECONDS = 5, 60.0
PAUSE_SECONDS = 0.2
_NO_WINDOW = 0x08000000


def main(arguments: Sequence[str]) -> int:
    """A daemon with these arguments, for as long as it is wanted. Gives its exit status."""
    return watch_over([sys.executable, "-m", "bridge.daemon", *arguments])


def watch_over(
    command: Sequence[str], pause_seconds: float = PAUSE_SECONDS, clock: Callable[[], float] = time.monotonic
) -> int:
    """Run a command, and again when it dies; not more than `MOST_DEATHS` times a minute."""
    parent, deaths = _Parent(), list[float]()
    while True:
        code = parent.run(command)
        if parent.is_stopping or code in IN_ORDER:
            return code if code >= 0 else 128 - code
        deaths = [at for at in deaths if clock() - at < WITHIN_SECONDS] + [clock()]
        again = len(deaths) <= MOST_DEATHS
        words = "it is started again" if again else f"for the {len(deaths)}th time in a minute: it is left ended"
        print(f"the daemon ended with status {code}; {words}", file=sys.stderr, flush=True)
        if not again:
            return code if code >= 0 else 128 - code
        time.sleep(pause_seconds * len(deaths))


class _Parent:
    """One child at a time, to which signals go on."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._child: subprocess.Popen[bytes] | None = None
        for name in STOPPING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._stop)

    def run(self, command: Sequence[str]) -> int:
        """The exit status of a child; negative where a signal ended it."""
        if self.is_stopping:
            return 0
        windows = sys.platform == "win32"
        child: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            creationflags=_NO_WINDOW if windows else 0,
            start_new_session=not windows,  # else Ctrl-C in a terminal would come twice
        )
        self._child = child
        if self.is_stopping:
            child.terminate()
        return child.wait()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        if self._child is not None:
            if sys.platform == "win32":
                self._child.terminate()
            else:
                self._child.send_signal(number)
