"""Which products this machine's processor makes best: measured when a model is first loaded, and kept in a file.

Two runs on one machine must give the same bits, and a measurement beside other work may come out either way: so what
was found once stays, for this processor, this torch and the instructions that it may use. Knows no model.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import torch
from platformdirs import user_cache_path

from engine.errors import EngineError
from engine.networks.choice import Choice
from engine.networks.products import OWN

VARIABLE = "ACESTEP_PRODUCTS"
WAYS = ("auto", "onednn", "torch")

logger = logging.getLogger(__name__)


def settle(environment: Mapping[str, str] = os.environ, path: Path | None = None) -> None:
    """Have this process make products in the way that is kept, measured, or named by `ACESTEP_PRODUCTS`.

    Raises EngineError for a way that does not exist.
    """
    way = _way(environment)
    if way == "auto":
        OWN.use(kept_or_found(path or _cache_file("products.json")))
    else:
        OWN.use(OWN.kinds if way == "torch" else ())


def settle_choice(choice: Choice, name: str, environment: Mapping[str, str] = os.environ) -> None:
    """The same for another choice, kept in the file `name`; none of its kinds where `ACESTEP_PRODUCTS` names a way, by
    which machines can be made to give the same bits."""
    choice.use(kept_or_found(_cache_file(name), choice) if _way(environment) == "auto" else ())


def _way(environment: Mapping[str, str]) -> str:
    way = environment.get(VARIABLE, "").strip() or "auto"
    if way not in WAYS:
        raise EngineError(f"{VARIABLE}: got {way!r}, expected one of {', '.join(WAYS)}. Leave it out for auto.")
    return way


def _cache_file(name: str) -> Path:
    return user_cache_path("acestep-bridge", appauthor=False) / name


def kept_or_found(path: Path, choice: Choice = OWN) -> list[str]:
    """The kinds that the file holds for this processor, or those that a probe finds, which are kept.

    Where the file cannot be written nothing is measured: no kind is taken, in any run.
    """
    kept = _read(path, choice)
    if processor(choice) in kept:
        return kept[processor(choice)]
    if not choice.is_there() or not _writable(path.parent):
        return []
    found = choice.probe()
    logger.info("kinds that are faster another way on this processor: %s (kept in %s)", found or "none", path)
    return _keep(path, found, choice)


def processor(choice: Choice = OWN) -> str:
    """What a choice holds for: the processor, the instructions that may be used, torch, and how it was probed."""
    told = [
        _model(),
        torch.backends.cpu.get_cpu_capability(),
        os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
        torch.__version__,
        f"probe {choice.probe_number}",
    ]
    return " | ".join(told)


def _keep(path: Path, found: list[str], choice: Choice) -> list[str]:
    """Keep a finding, unless another process was first: then that one's holds."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    lock = path.with_name(path.name + ".lock")
    with contextlib.suppress(OSError), lock.open("a") as file:
        _lock(file.fileno())
        kept = _read(path, choice)
        if processor(choice) in kept:
            return kept[processor(choice)]
        own.write_text(json.dumps(kept | {processor(choice): found}, indent=1), encoding="utf-8")
        os.replace(own, path)
        return found
    return []


def _lock(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def _read(path: Path, choice: Choice) -> dict[str, list[str]]:
    """What the file holds; what is not of this program's making is passed over."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    entries = told.items() if isinstance(told, dict) else ()
    return {
        name: kinds for name, kinds in entries if isinstance(kinds, list) and set(map(str, kinds)) <= set(choice.kinds)
    }


def _writable(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.W_OK)
    return False


def _model() -> str:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()
