"""Where the source of a clip lies. A recipe knows its source by hash alone, so that equal requests give equal files;
the daemon's record of the job knows the path. Knows files, no socket.

Looked for in this order: at the paths that the record names, in the daemon's store, beside the clip and where the
command works, in the folder of the REAPER project around the clip. Only bytes with the recipe's hash count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bridge.files.store import AudioStore, hash_file
from bridge.jobs import JobStore
from bridge.protocol.errors import BridgeError
from bridge.protocol.home import home_folder
from engine.requests.recipe import HASHES

SOURCE = "audio"
ENDINGS = frozenset({".wav", ".wave", ".w64", ".rf64", ".flac", ".mp3", ".ogg", ".opus", ".aif", ".aiff", ".caf"})
MOST_FILES, MOST_JOBS, PAGE = 500, 5000, 500


@dataclass(frozen=True)
class Found:
    """The source's file, or None; `changed` lay at a path that the record names, with other bytes."""

    path: Path | None
    changed: Path | None = None
    stored: bool = False

    @property
    def reference(self) -> str:
        """As a request names it: what lies in the daemon's store by its hash, so that the job keeps it."""
        assert self.path is not None
        return f"sha256:{self.path.stem}" if self.stored else str(self.path.absolute())


def find_source(clip: Path, sha256: str, field: str = SOURCE) -> Found:
    """The file with that hash which `clip` was made from, as far as this machine knows it."""
    home = home_folder()
    recorded = list(dict.fromkeys(recorded_paths(home, sha256, field)))
    store = home / "audio"
    source = _first(recorded, sha256) or AudioStore(store).find(sha256)
    source = source or _first(islice(_nearby(clip), MOST_FILES), sha256)
    changed = next((path for path in recorded if path.is_file()), None)
    return Found(source, None if source else changed, source is not None and store in source.parents)


def recorded_paths(home: Path, sha256: str, field: str = SOURCE) -> Iterator[Path]:
    """Paths of sources with that hash in the daemon's jobs, newest first; nothing where there is no record."""
    path = home / "jobs.sqlite3"
    if not path.is_file():
        return
    with suppress(BridgeError), closing(JobStore.reading(path)) as store:
        for offset in range(0, MOST_JOBS, PAGE):
            jobs, total = store.list(None, "completed", PAGE, offset)
            for job in jobs:
                if any((entry.get("recipe") or {}).get(HASHES[field]) == sha256 for entry in job.result or []):
                    yield Path(str(job.request.get(field, "")))
            if offset + PAGE >= total:
                return


def _nearby(clip: Path) -> Iterator[Path]:
    folder = clip.absolute().parent
    yield from _audio_in(folder.glob("*"))
    yield from _audio_in(Path.cwd().glob("*"))
    for parent in (folder, *folder.parents[:2]):
        if any(parent.glob("*.[rR][pP][pP]")):
            yield from _audio_in(parent.rglob("*"))
            return


def _audio_in(paths: Iterable[Path]) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in paths if path.suffix.lower() in ENDINGS)


def _first(paths: Iterable[Path], sha256: str) -> Path | None:
    seen: set[Path] = set()
    for path in paths:
        with suppress(OSError):
            if path not in seen and path.is_file() and hash_file(path) == sha256:
                return path
        seen.add(path)
    return None
