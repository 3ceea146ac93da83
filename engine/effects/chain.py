"""Audio through a chain of effects that runs in a process of its own, with a time limit.

A plug-in is foreign code: it may crash, hang, or wait for somebody to press a button in a window. Here it ends its own
process and nothing else, and the error says which effect it was. Knows no model and no request.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.effects.effect import Effect
from engine.effects.host import Order
from engine.errors import Cancelled, EffectFailed, InvalidRequest

LIMIT_VARIABLE = "ACESTEP_EFFECTS_SECONDS"
_LIMIT_SECONDS, _LIMIT_OF_AUDIO = 60.0, 4.0  # and so many seconds for each second of audio
_LOOK_SECONDS = 0.02
_NO_SCREEN = ("DISPLAY", "WAYLAND_DISPLAY")  # a dialog cannot open: the plug-in says so, or the time limit ends it
Stopped = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Passed:
    """What came through: each item float32 (channels, n), and each effect's title, latency and parameters."""

    items: list[NDArray[np.float32]]
    effects: list[dict[str, Any]]


def apply_effects(
    items: Sequence[NDArray[Any]],
    sample_rate: int,
    effects: Sequence[Effect],
    tail: bool = False,
    stopped: Stopped | None = None,
) -> Passed:
    """Items (channels, n) through a chain: as long as they were, or with `tail` as long as they ring on.

    No items: the chain is loaded and described. Raises InvalidRequest for an effect or parameter that is not there,
    EffectFailed where one crashes or takes too long, Cancelled once `stopped` says so.
    """
    seconds = sum(item.shape[1] for item in items) / sample_rate
    limit = float(os.environ.get(LIMIT_VARIABLE) or _LIMIT_SECONDS) + _LIMIT_OF_AUDIO * seconds
    order = Order(list(effects), float(sample_rate), [(i.shape[0], i.shape[1]) for i in items], tail, limit)
    with tempfile.TemporaryDirectory(prefix="acestep-effects-") as name:
        folder = Path(name)
        (folder / "order.json").write_bytes(msgspec.json.encode(order))
        for number, item in enumerate(items):
            np.ascontiguousarray(item, dtype=np.float32).tofile(folder / f"in-{number}.f32")
        told = _told(folder, order, stopped)
        made = [np.fromfile(folder / f"out-{n}.f32", dtype=np.float32) for n in range(len(items))]
    return Passed([m.reshape(item.shape[0], -1) for m, item in zip(made, items, strict=True)], told)


def _told(folder: Path, order: Order, stopped: Stopped | None) -> list[dict[str, Any]]:
    """What the process says of its effects once it has done all."""
    status = _finished(folder, order, stopped)
    result = folder / "result.json"
    if status != 0 or not result.exists():
        raise EffectFailed(f"{_where(folder, order)}. {_ended(status)} {_REMEDY}")
    told: dict[str, Any] = json.loads(result.read_bytes())
    if "invalid" in told:
        raise InvalidRequest(**told["invalid"])
    if "failed" in told:
        raise EffectFailed(told["failed"])
    effects: list[dict[str, Any]] = told["effects"]
    return effects


_REMEDY = "Nothing else was harmed. Leave it out, or update it."


def _finished(folder: Path, order: Order, stopped: Stopped | None) -> int:
    """Run the process to its end. Raises EffectFailed after its time, Cancelled."""
    environment = {name: value for name, value in os.environ.items() if name not in _NO_SCREEN}
    words = [sys.executable, "-m", "engine.effects.host", str(folder)]
    until = time.monotonic() + order.limit_seconds
    with (
        (folder / "said.txt").open("wb") as said,
        subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=os.name == "posix",
        ) as process,
    ):
        try:
            while process.poll() is None:
                if stopped is not None and stopped():
                    raise Cancelled("The job was cancelled.")
                if time.monotonic() > until:
                    raise EffectFailed(f"{_where(folder, order)}. {_TOO_LONG.format(order.limit_seconds)} {_REMEDY}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_SECONDS)
        finally:
            _end(process)
    return int(process.returncode)


_TOO_LONG = "It was not done after {:.0f} s; it may hang, or show a window that nobody sees, such as for a licence."


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()


def _where(folder: Path, order: Order) -> str:
    """Which effect it was, and what it was about to do."""
    try:
        now = json.loads((folder / "now.json").read_bytes())
        title = order.effects[now["effect"]].title
    except (OSError, ValueError, RecursionError):
        return "The effects' process did not begin"
    return f"The effect {title} (effects[{now['effect']}]) stopped while {now['what']}"


def _ended(status: int) -> str:
    if status < 0:
        return f"It crashed its process (signal {-status})."
    return f"Its process ended with status {status}."
