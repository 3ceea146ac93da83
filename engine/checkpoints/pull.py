"""Getting a named model: its files from the hub, v1's lyric vocabulary, and whether all are whole. Knows no networks.

`verify` checks what lies there against the sizes and hashes that the hub gave when it was pulled.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints import registry
from engine.checkpoints.hub import (
    MANIFEST,
    TIMEOUT_SECONDS,
    OnProgress,
    PullProgress,
    Repository,
    download,
    list_files,
    sha256_of,
    verify_files,
)
from engine.errors import CheckpointError
from engine.lyrics.vocabulary import VOCABULARY_NAME, VOCABULARY_SHA256, check_vocabulary

__all__ = ["PullProgress", "Sources", "pull", "verify", "verify_folder"]

FOLDERS = ("ace_step_transformer/*", "music_dcae_f8c8/*", "music_vocoder/*", "umt5-base/*")
VOCABULARY_URL = (
    "https://raw.githubusercontent.com/ace-step/ACE-Step/d612523f50e252c0e138e68ae75b06223f96e934/"
    "acestep/models/lyrics_utils/vocab.json"
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where files come from: the hub's endpoint (None: huggingface_hub's own) and the lyric vocabulary's address."""

    endpoint: str | None = None
    vocabulary_url: str = VOCABULARY_URL
    vocabulary_sha256: str = VOCABULARY_SHA256


def pull(
    name: str, home: Path | None = None, progress: OnProgress | None = None, sources: Sources | None = None
) -> Path:
    """Download a named model into its folder, going on where an earlier pull was cut off, and check every file.

    Raises CheckpointError where the name has nothing to pull, the disk is too small, the network is off or the files
    are not what the hub says. What was already loaded stays, for the next try.
    """
    sources = sources or Sources()
    entry = _pullable(name, home)
    again = f"acestep-bridge models pull {entry.name}"
    repository = Repository(
        entry.repository or "", entry.revision or "", entry.folder, again, entry.licence, sources.endpoint
    )
    download(repository, list_files(repository, FOLDERS), progress)
    _pull_vocabulary(entry.folder, sources)
    problems = verify_folder(entry.folder, sources.vocabulary_sha256)
    if problems:
        raise CheckpointError(f"model {name}: {'; '.join(problems)}. Delete these files and pull again.")
    return entry.folder


def verify(name: str, home: Path | None = None) -> list[str]:
    """What is wrong with a pulled model's files, in sentences; an empty list is a whole model."""
    return verify_folder(registry.resolve(name, home).folder)


def verify_folder(folder: Path, vocabulary_sha256: str = VOCABULARY_SHA256) -> list[str]:
    """As `verify`, of a folder. A folder that was not pulled has no manifest: that is a problem too."""
    problems = verify_files(folder)
    if not (folder / MANIFEST).is_file():
        return problems
    try:
        check_vocabulary(folder / VOCABULARY_NAME, vocabulary_sha256)
    except CheckpointError as error:
        problems.append(str(error))
    return problems


def _pullable(name: str, home: Path | None) -> registry.ModelEntry:
    entries = {entry.name: entry for entry in registry.entries(home) if entry.repository}
    if name not in entries:
        raise CheckpointError(f"models pull: got {name!r}, expected one of {', '.join(entries)}.")
    return entries[name]


def _pull_vocabulary(folder: Path, sources: Sources) -> None:
    place = folder / VOCABULARY_NAME
    if place.is_file() and sha256_of(place) == sources.vocabulary_sha256:
        return
    part = place.with_suffix(".part")
    try:
        with urllib.request.urlopen(sources.vocabulary_url, timeout=TIMEOUT_SECONDS) as reply:
            part.write_bytes(reply.read())
    except (OSError, urllib.error.URLError) as error:
        raise CheckpointError(
            f"The lyric vocabulary could not be loaded from {sources.vocabulary_url} ({error}). Pull again, or save "
            f"the file as {place}."
        ) from error
    check_vocabulary(part, sources.vocabulary_sha256)
    part.replace(place)
