"""Threads for work on files, of which one that never returns holds up nothing else. Knows no operation.

A network drive that is gone may keep a read for ever, and Python waits for the threads of its own pool at its end.
These are daemon threads: at the end of the daemon nobody waits for them. A caller gets an answer within `seconds`;
what still hangs then gives its place to the next, until too many hang. Threads are kept for the next work.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from bridge.protocol.errors import refused

AT_ONCE = 8
MOST_HANGING = 64
SECONDS = 60.0

P = ParamSpec("P")
T = TypeVar("T")


class FileThreads:
    """Runs functions that block. All methods are called on one running loop."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS, most_hanging: int = MOST_HANGING) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._seconds, self._most_hanging = seconds, most_hanging
        self._idle: list[_Thread] = []
        self.hanging = 0

    async def run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What `work` gives or raises. Raises RequestFailed with code file_timeout if it does not return in time."""
        if self.hanging >= self._most_hanging:
            raise self._timeout(f"{self.hanging} files that do not answer")
        async with self._places:
            future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            thread = self._idle.pop() if self._idle else _Thread()
            thread.work.put((asyncio.get_running_loop(), future, work, arguments, named))
            future.add_done_callback(lambda _: self._idle.append(thread))
            done, _ = await asyncio.wait([future], timeout=self._seconds)
            if done:
                return future.result()
        self.hanging += 1
        future.add_done_callback(self._returned)
        raise self._timeout(f"no answer within {self._seconds:g} s")

    def _returned(self, future: asyncio.Future[Any]) -> None:
        self.hanging -= 1
        if not future.cancelled():
            future.exception()  # nobody waits for it any more

    def _timeout(self, got: str) -> Exception:
        remedy = "Look whether its drive is connected, or copy the file to this machine."
        return refused("file_timeout", "audio", got, "a file that can be read", remedy)


class _Thread:
    """A thread that does what comes into `work`, one after another."""

    def __init__(self) -> None:
        self.work: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            _do(*self.work.get())


def _do(loop: asyncio.AbstractEventLoop, future: Any, work: Any, arguments: Any, named: Any) -> None:
    try:
        result, error = work(*arguments, **named), None
    except BaseException as raised:
        result, error = None, raised

    def settle() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(settle)
