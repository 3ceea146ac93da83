"""What a shell proposes behind an option: choices, models, jobs. Typer makes the scripts. Asks no daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.requests import Field

Completing = Callable[[str], list[str]]


def one_of(*words: str) -> Completing:
    """Those of `words` that begin as what was typed."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Models by name."""
    from engine.checkpoints import registry

    return [entry.name for entry in registry.entries() if entry.name.startswith(incomplete)]


def jobs(incomplete: str) -> list[tuple[str, str]]:
    """Ids of the newest jobs, with their tasks: read from the store, which needs no daemon."""
    from bridge.jobs import JobStore
    from bridge.protocol.errors import BridgeError
    from bridge.protocol.home import home_folder

    path = home_folder() / "jobs.sqlite3"
    if not path.is_file():
        return []
    try:
        store = JobStore.reading(path)
        try:
            newest, _ = store.list(None, None, 100, 0)
        finally:
            store.close()
    except (BridgeError, OSError):
        return []
    return [(job.job_id, f"{job.task}, {job.state}") for job in newest if job.job_id.startswith(incomplete)]


def completing(field: Field) -> Any:
    """What is proposed for a field's value; None: nothing, so the shell proposes files."""
    if field.choices:
        return one_of(*field.choices)
    return models if field.name == "model" else None
