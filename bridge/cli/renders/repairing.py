"""`jobs repair`: the file of jobs of this machine's folder made again, while no daemon runs."""

from __future__ import annotations

import sys

import typer

from bridge.jobs.repair import Repaired, repair
from bridge.protocol.errors import StoreError
from bridge.protocol.home import home_folder, make_home
from bridge.protocol.lock import HomeLock


def repair_home() -> Repaired:
    """Raises StoreError while a daemon runs or if there is no file of jobs."""
    from bridge.files import AudioStore
    from engine.audio.metadata import read_recipe

    home = make_home(home_folder())
    path, audio = home / "jobs.sqlite3", AudioStore(home / "audio")
    if not path.is_file():
        raise StoreError(f"{path}: there is no file of jobs to repair.")
    with HomeLock(home) as lock:
        if not lock.acquire():
            raise StoreError("The daemon runs and uses the file of jobs. Stop it first: acestep-bridge daemon stop")
        total = sum(1 for _ in audio.paths())
        hidden = not sys.stderr.isatty()
        with typer.progressbar(length=total, label="audio files", file=sys.stderr, hidden=hidden) as bar:
            return repair(path, audio, read_recipe, lambda at, of: bar.update(1))
