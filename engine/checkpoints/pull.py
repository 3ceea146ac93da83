"""Getting a named model: its files from the hub, v1's lyric vocabulary, and whether all are whole. Knows no networks.

`verify` checks what lies there against the sizes and hashes that the hub gave when it was pulled.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from engine.atomic import replacing
from engine.checkpoints import registry
from engine.checkpoints.hub import (
    MANIFEST,
    TIMEOUT_SECONDS,
    OnProgress,
    PullProgress,
    Repository,
    current_commit,
    download,
    list_files,
    read_object,
    reason_of,
    sha256_of,
    verify_files,
)
from engine.errors import CheckpointError
from engine.lyrics.vocabulary import VOCABULARY_NAME, VOCABULARY_SHA256, check_vocabulary

__all__ = ["PullProgress", "Sources", "pull", "verify", "verify_folder"]

PINS = "pins.json"
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
    parts = [_part(part, entry.name, sources.endpoint) for part in (*entry.shares, entry)]
    listed = [(part, list_files(part, files)) for part, files in parts]
    total, done = sum(file.size for _, files in listed for file in files), 0
    for part, files in listed:
        download(part, files, _shifted(progress, done, total))
        done += sum(file.size for file in files)
    if entry.has_lyric_vocabulary:
        _pull_vocabulary(entry.folder, sources)
    problems = _problems(entry, sources.vocabulary_sha256)
    if problems:
        raise CheckpointError(f"model {name}: {'; '.join(problems)}. Delete these files and pull again.")
    return entry.folder


def _part(entry: registry.ModelEntry, asked: str, endpoint: str | None) -> tuple[Repository, tuple[str, ...]]:
    """What is pulled of an entry: the repository at its commit, and patterns of files."""
    again = f"acestep-bridge models pull {asked}"
    whole = Repository(entry.repository or "", entry.revision or "", entry.folder, again, entry.licence, endpoint)
    return (whole if entry.revision else _at_first_commit(whole)), entry.files


def _at_first_commit(repository: Repository) -> Repository:
    """The repository at the commit that it was at when its pull began: later commits are other weights."""
    place = repository.folder / PINS
    pins = read_object(place)
    if repository.name not in pins:
        pins[repository.name] = current_commit(repository)
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as part:
            part.write_text(json.dumps(pins, indent=1), encoding="utf-8")
    return replace(repository, revision=pins[repository.name])


def _shifted(progress: OnProgress | None, before: int, total: int) -> OnProgress | None:
    """Progress of one repository as that of all."""
    if progress is None:
        return None
    report = progress
    return lambda one: report(PullProgress(before + one.done_bytes, total))


def verify(name: str, home: Path | None = None) -> list[str]:
    """What is wrong with a pulled model's files, in sentences; an empty list is a whole model."""
    return _problems(registry.resolve(name, home), VOCABULARY_SHA256)


def _problems(entry: registry.ModelEntry, vocabulary_sha256: str) -> list[str]:
    shared = [f"{part.name}: {problem}" for part in entry.shares for problem in verify_files(part.folder)]
    of_v1 = entry.has_lyric_vocabulary or (entry.folder / "ace_step_transformer").is_dir()
    return shared + (verify_folder(entry.folder, vocabulary_sha256) if of_v1 else verify_files(entry.folder))


def verify_folder(folder: Path, vocabulary_sha256: str = VOCABULARY_SHA256) -> list[str]:
    """As `verify`, of a folder of v1. A folder that was not pulled has no manifest: that is a problem too."""
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
    shipped = {entry.name: entry for entry in registry.entries(home) if not entry.repository}
    if name in shipped:
        raise CheckpointError(f"models pull: {name} is part of the package; its files are in {shipped[name].folder}.")
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
            f"The lyric vocabulary could not be loaded from {sources.vocabulary_url}: {reason_of(error)}. Pull again, "
            f"or save the file as {place}."
        ) from error
    check_vocabulary(part, sources.vocabulary_sha256)
    part.replace(place)
