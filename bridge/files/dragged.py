"""Copies of takes for programs that take files only when something is dropped onto them: where they lie, which may go.

One folder a take by its hash, so that files keep their names, and a project that plays a copy names the take. Knows no
job.
"""

from __future__ import annotations

import shutil
from collections.abc import Container
from pathlib import Path

from bridge.files.store import AudioStore

FOLDER = "dragged"  # of the product's folder


def forgotten(home: Path, audio: AudioStore, named: Container[str]) -> list[Path]:
    """Folders of copies whose take is in the store no more, unless a project names it."""
    folders = (folder for folder in (home / FOLDER).glob("*") if len(folder.name) == 64 and folder.is_dir())
    return sorted(folder for folder in folders if audio.find(folder.name) is None and folder.name not in named)


def remove(folders: list[Path]) -> int:
    """Remove them; gives how many bytes they had."""
    size = sum(path.stat().st_size for folder in folders for path in folder.iterdir() if path.is_file())
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return size
