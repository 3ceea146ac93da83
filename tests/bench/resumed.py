"""Parts of a long measurement that are written to a JSON file as they end, so that a run that was cut goes on.

{"machine": {...}, "parts": {"v1-region": {"seconds": 12.3, "figures": [{...}]}}, "left": {"v1-compiled": "why"}}

A part that fails keeps the figures that it had made, and its error is in "left". One that does not end in its time, or
takes its process with it, is told there, too, and `supervised` goes on with the next part in a new process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.atomic import replacing
from tests.bench.figures import Figure

KEYS = ("machine", "parts", "left")
THE_SAME = ("gpu", "torch", "size")  # of the machine: figures of two are never mixed in one file
MEASURING = "it was being measured when its process ended"
LOST = 5  # exit status of a process whose device no longer answers
LEAST_PATIENCE = 120.0  # seconds: nothing shorter is taken for a hang
LONGEST_ERROR = 600
START_SECONDS = 20.0  # of a process: importing torch, and ending


@dataclass(frozen=True)
class Part:
    """One part: the seconds that it is expected to take, with what must be made for it, and what measures it."""

    name: str
    expected_seconds: float
    measure: Callable[[], Iterable[Figure]]


def run_parts(
    parts: Sequence[Part],
    file: Path,
    seconds: float,
    machine: dict[str, Any],
    clock: Callable[[], float] = time.monotonic,
    skipped: Collection[str] = (),
    patience: float | None = None,
) -> dict[str, Any]:
    """Measure every part that `file` does not hold and that is expected to end within `seconds`, in their order.

    A part that fails is named in "left" and tried again by the next run; `skipped` ones are not tried. A part that
    takes `patience` times what is expected hangs, and ends the process. Raises ValueError where `file` is of another
    machine, or is no file of this kind.
    """
    told = read_told(file, machine)
    began = clock()
    for part in parts:
        if part.name in told["parts"] and part.name not in told["left"]:
            print(f"{part.name}: kept from {file.name}", flush=True)
            continue
        if part.name in skipped:
            continue
        rest = seconds - (clock() - began)
        if part.expected_seconds > rest:
            told["left"][part.name] = f"needs about {part.expected_seconds:.0f} s, {max(0.0, rest):.0f} s were left"
        else:
            told["left"][part.name] = MEASURING
            _write(file, told)
            with contextlib.nullcontext() if patience is None else _watch(part, rest, patience):
                _measure(part, told, clock)
        _write(file, told)
        if patience is not None and told["left"].get(part.name, "").startswith(MEASURING):
            raise SystemExit(LOST)
    return told


@contextlib.contextmanager
def _watch(part: Part, rest: float, patience: float) -> Iterator[None]:
    """End the process, with where it stood, when the part does not end: a hung device is in no state to go on."""
    limit = min(rest, max(LEAST_PATIENCE, patience * part.expected_seconds))
    faulthandler.dump_traceback_later(max(0.1, limit), exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def supervised(command: Callable[[float, list[str]], list[str]], file: Path, seconds: float) -> int:
    """Run `command(seconds left, parts to skip)` until it ends by itself: its exit status.

    When a part's process hangs, crashes or is killed, "left" tells it and the other parts are measured in a new one.
    """
    skipped: list[str] = []
    began = time.monotonic()
    while True:
        rest = seconds - (time.monotonic() - began)
        status = _run_bound(command(rest, skipped))
        died = _died_in(file)
        if died is None:
            return status
        told = json.loads(file.read_text(encoding="utf-8"))
        why = told["left"][died].removeprefix(MEASURING).removeprefix(": ") or "it hung, crashed or was killed"
        told["left"][died] = f"its process ended with status {status}: {why}"
        _write(file, told)
        print(f"{died}: {told['left'][died]}", flush=True)
        skipped.append(died)
        if seconds - (time.monotonic() - began) < START_SECONDS:
            return 1


def _run_bound(command: list[str]) -> int:
    """Its exit status. The process ends when this one does (`end_with_parent`), so that no device stays taken."""
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            return process.wait()
        except BaseException:
            process.kill()
            raise


def _died_in(file: Path) -> str | None:
    """The part whose process ended before it did."""
    with contextlib.suppress(OSError, ValueError, AttributeError, KeyError):
        left: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))["left"]
        return next((name for name, why in left.items() if why.startswith(MEASURING)), None)
    return None


def end_with_parent() -> None:
    """End this process when the one that started it has ended: its pipe closes."""

    def wait() -> None:
        while os.read(0, 1):  # not sys.stdin, whose lock would be held while this process ends
            pass
        os._exit(1)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


def each_of(ways: Mapping[str, Callable[[], Iterable[Figure]]]) -> Iterator[Figure]:
    """The figures of every way. Raises RuntimeError at the end for those that failed: the others are worth having."""
    failed = []
    for name, work in ways.items():
        try:
            yield from work()
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{name}: {type(error).__name__}: {error}")
        _answers()
    if failed:
        raise RuntimeError("; ".join(failed))


def figures_of(told: dict[str, Any]) -> list[Figure]:
    """Every figure in the file."""
    return [Figure(**figure) for part in told["parts"].values() for figure in part["figures"]]


def _measure(part: Part, told: dict[str, Any], clock: Callable[[], float]) -> None:
    began = clock()
    figures: list[Figure] = []
    error_text = None
    try:
        for figure in part.measure():
            figures.append(figure)  # kept, whatever comes after it
    except Exception as error:  # the other parts are worth having
        traceback.print_exc()
        error_text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    seconds = clock() - began
    if figures or error_text is None:
        told["parts"][part.name] = {"seconds": round(seconds, 2), "figures": [asdict(f) for f in figures]}
    if error_text is None:
        told["left"].pop(part.name, None)
    else:
        told["left"][part.name] = error_text
    print(f"{part.name}: {seconds:.1f} s", flush=True)
    if not _answers():
        told["left"][part.name] = f"{MEASURING}: {error_text or 'the device no longer answers'}"


def _answers() -> bool:
    """Let go of what a part held on the device; whether the device still works after it."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return True
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError:
        return False
    return True


def read_told(file: Path, machine: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run wrote."""
    if not file.exists():
        return {"machine": machine, "parts": {}, "left": {}}
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        told = None
    if not isinstance(told, dict) or sorted(told) != sorted(KEYS):
        raise ValueError(f"{file}: expected a file that this command wrote. Name another one.")
    for name in THE_SAME:
        if told["machine"].get(name) != machine.get(name):
            got, here = told["machine"].get(name), machine.get(name)
            raise ValueError(f"{file}: its figures are of {name} {got!r}, here it is {here!r}. Name another file.")
    return dict(told)


def _write(file: Path, told: dict[str, Any]) -> None:
    with replacing(file) as temporary:
        Path(temporary).write_text(json.dumps(told, indent=1), encoding="utf-8")
