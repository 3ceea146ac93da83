"""What the commands do to takes: to those that there are, or to a copy that shows what will be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.takes.takes import Takes

COMMIT = f"{ROOT}/take/commit"
# by address, with its arguments; an empty result: it cannot be done
CHANGES: Mapping[str, Callable[..., Any]] = {
    f"{ROOT}/take/next": lambda takes: takes.step(1),
    f"{ROOT}/take/previous": lambda takes: takes.step(-1),
    f"{ROOT}/take/original": Takes.compare,
    f"{ROOT}/take/select": Takes.select,
    f"{ROOT}/take/reject": Takes.reject,
    COMMIT: Takes.commit,
}


def change(path: str, takes: Takes, values: tuple[Any, ...]) -> Any:
    """Do it: what the command gives. Raises OscError where it cannot be done."""
    done = CHANGES[path](takes, *values)
    if not done and values:
        raise OscError(path, str(values[0]), f"0 for the original, or a take from 1 to {len(takes.paths)}")
    if not done:
        raise OscError(path, "the original", "a take; choose one with take/next")
    return done
