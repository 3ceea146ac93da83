"""Copies of takes on this computer's disk, for programs that take files only when something is dropped onto them.

A page learns where a copy lies only if it was opened by this machine's user: `studio` gives it a word that no caller
with the key alone can have. Knows no job.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from starlette.requests import Request

from bridge.gateway.secret_files import Secrets
from bridge.protocol.errors import RequestFailed, refused

HEADER = "x-here"
_REMEDY = "Open the page with `acestep-bridge studio` on that machine, or save the file."


class CopiesHere:
    """In `folder`, as `bridge.files.dragged` says. They stay, since a DAW may play them; `jobs clean` takes those whose
    take is gone, unless a project names it.
    """

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        self._folder, self._secrets = folder, secrets

    def check(self, request: Request) -> None:
        """Raises RequestFailed for a page that `studio` did not open."""
        if not self._secrets.accepts_here(request.headers.get(HEADER, "")):
            raise refused("not_allowed", None, "a page from elsewhere", "one that was opened here", _REMEDY)

    def make(self, stored: Path, sha256: str, name: str) -> Path:
        """A copy by its own name, made unless it is there. Raises OSError."""
        path = self._folder / sha256 / Path(name).name
        if not path.exists() or path.stat().st_size != stored.stat().st_size:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = path.with_name(f".{path.name}.part")
            shutil.copyfile(stored, part)
            part.replace(path)
        return path


def show_file(path: Path, system: str = sys.platform) -> None:
    """Open the file manager where a file lies. Raises RequestFailed (not_allowed), which says where, without one."""
    try:
        subprocess.Popen(command_that_shows(path, system), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise _no_file_manager(path) from error


def command_that_shows(path: Path, system: str) -> list[str]:
    """Of this system: macOS and Windows select the file, elsewhere its folder is opened."""
    if system == "darwin":
        return ["open", "-R", str(path)]
    if system == "win32":
        return ["explorer", f"/select,{path}"]
    return ["xdg-open", str(path.parent)]


def _no_file_manager(path: Path) -> RequestFailed:
    return refused("not_allowed", None, "no file manager", "one that opens", f"The file lies at {path}.")
