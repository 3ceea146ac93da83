"""Getting a model's files: free space first, resumable, checked. Knows no networks; reads no weights (no torch).

`verify` checks what lies there against the sizes and hashes that the hub gave when it was pulled.
"""

from __future__ import annotations

import hashlib
import http
import http.client
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.checkpoints import registry
from engine.errors import CheckpointError
from engine.lyrics.vocabulary import VOCABULARY_NAME, VOCABULARY_SHA256, check_vocabulary

MANIFEST = "pulled.json"
FOLDERS = ("ace_step_transformer/*", "music_dcae_f8c8/*", "music_vocoder/*", "umt5-base/*")
VOCABULARY_URL = (
    "https://raw.githubusercontent.com/ace-step/ACE-Step/d612523f50e252c0e138e68ae75b06223f96e934/"
    "acestep/models/lyrics_utils/vocab.json"
)
SPARE_BYTES = 200_000_000
TIMEOUT_SECONDS = 30.0
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is. `total_bytes` is what the whole model weighs."""

    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file at the hub: its path, size, and SHA-256 (large files) or git blob id (small ones)."""

    path: str
    size: int
    sha256: str | None
    blob_id: str | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where files come from: the hub's endpoint (None: huggingface_hub's own) and the lyric vocabulary's address."""

    endpoint: str | None = None
    vocabulary_url: str = VOCABULARY_URL
    vocabulary_sha256: str = VOCABULARY_SHA256


def pull(
    name: str,
    home: Path | None = None,
    progress: Callable[[PullProgress], None] | None = None,
    sources: Sources | None = None,
) -> Path:
    """Download a named model into its folder, going on where an earlier pull was cut off, and check every file.

    Raises CheckpointError where the name has nothing to pull, the disk is too small, the network is off or the files
    are not what the hub says. What was already loaded stays, for the next try.
    """
    sources = sources or Sources()
    entry = _pullable(name, home)
    files = _list_files(entry, sources.endpoint)
    check_space(entry.folder, files)
    _download(entry, files, progress, sources.endpoint)
    _write_manifest(entry, files)
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
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return [f"{MANIFEST} is missing, so there is nothing to check the files against"]
    files = [RemoteFile(**entry) for entry in json.loads(manifest.read_text(encoding="utf-8"))["files"]]
    problems = [problem for file in files if (problem := _problem(folder, file)) is not None]
    try:
        check_vocabulary(folder / VOCABULARY_NAME, vocabulary_sha256)
    except CheckpointError as error:
        problems.append(str(error))
    return problems


def check_space(folder: Path, files: list[RemoteFile]) -> None:
    """Raise CheckpointError with numbers where the disk cannot hold what is still to be loaded."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    needed = sum(file.size for file in files if not _has_size(folder, file)) + SPARE_BYTES
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise CheckpointError(
            f"{existing}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed. Make room, or let "
            f"{registry.HOME_VARIABLE} name a folder on another disk."
        )


def _pullable(name: str, home: Path | None) -> registry.ModelEntry:
    entries = {entry.name: entry for entry in registry.entries(home) if entry.repository}
    if name not in entries:
        raise CheckpointError(f"models pull: got {name!r}, expected one of {', '.join(entries)}.")
    return entries[name]


def _list_files(entry: registry.ModelEntry, endpoint: str | None) -> list[RemoteFile]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils._paths import filter_repo_objects

    try:
        tree = HfApi(endpoint=endpoint).list_repo_tree(entry.repository or "", recursive=True, revision=entry.revision)
        found = {item.path: item for item in tree if isinstance(item, RepoFile)}
    except Exception as error:  # the hub client's errors share no base class
        raise _unreachable(entry, error) from error
    return [_remote_file(found[path]) for path in filter_repo_objects(found, allow_patterns=list(FOLDERS))]


def _remote_file(item: Any) -> RemoteFile:
    return RemoteFile(item.path, item.size, item.lfs.sha256 if item.lfs else None, item.blob_id)


def _download(
    entry: registry.ModelEntry,
    files: list[RemoteFile],
    progress: Callable[[PullProgress], None] | None,
    endpoint: str | None,
) -> None:
    """Load what is missing. huggingface_hub 2 throws partial files away, so the transfer is ours."""
    from huggingface_hub import hf_hub_url

    total = sum(file.size for file in files)
    done = 0
    for file in files:

        def report(size: int, before: int = done) -> None:
            if progress is not None:
                progress(PullProgress(before + size, total))

        if not _has_size(entry.folder, file):
            url = hf_hub_url(entry.repository or "", file.path, revision=entry.revision, endpoint=endpoint)
            try:
                fetch_file(url, entry.folder / file.path, file.size, report)
            except (OSError, http.client.HTTPException) as error:
                raise _unreachable(entry, error) from error
        done += file.size
        report(0, done)


def fetch_file(url: str, place: Path, size: int, report: Callable[[int], None]) -> None:
    """Load a file of a known size; what an earlier try left in `<name>.part` is kept and continued (RFC 9110, Range).

    A line that breaks is taken up again as long as each try brings something. Raises OSError or HTTPException.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(place.name + ".part")
    if part.is_file() and part.stat().st_size > size:
        part.unlink()
    while True:
        before = part.stat().st_size if part.is_file() else 0
        if before < size or not part.is_file():
            _continue_file(url, part, before, report)
        after = part.stat().st_size
        if after == size:
            part.replace(place)
            return
        if after <= before or after > size:
            raise OSError(f"{place.name}: {after} of {size} bytes came")


def _continue_file(url: str, part: Path, start: int, report: Callable[[int], None]) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:
        appending = start > 0 and reply.status == http.HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if appending else "wb") as stream:
            done = start if appending else 0
            try:
                while chunk := reply.read1(CHUNK_BYTES):
                    stream.write(chunk)
                    done += len(chunk)
                    report(done)
            except (http.client.IncompleteRead, ConnectionError):
                return  # what came is kept; the caller sees whether to go on


def _unreachable(entry: registry.ModelEntry, error: Exception) -> CheckpointError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return CheckpointError(
        f"model {entry.name}: {entry.repository} could not be loaded ({reason}). Check the network; HF_HUB_OFFLINE "
        f"must not be set. What was loaded is kept: `acestep-bridge models pull {entry.name}` goes on from there. "
        f"Without a network, copy the folder from another machine to {entry.folder}."
    )


def _pull_vocabulary(folder: Path, sources: Sources) -> None:
    place = folder / VOCABULARY_NAME
    if place.is_file() and _sha256(place) == sources.vocabulary_sha256:
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


def _write_manifest(entry: registry.ModelEntry, files: list[RemoteFile]) -> None:
    manifest = {
        "repository": entry.repository,
        "revision": entry.revision,
        "licence": entry.licence,
        "files": [asdict(file) for file in files],
    }
    (entry.folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _has_size(folder: Path, file: RemoteFile) -> bool:
    place = folder / file.path
    return place.is_file() and place.stat().st_size == file.size


def _problem(folder: Path, file: RemoteFile) -> str | None:
    place = folder / file.path
    if not place.is_file():
        return f"{file.path} is missing"
    size = place.stat().st_size
    if size != file.size:
        return f"{file.path} has {size} bytes, expected {file.size}"
    got, expected = (_sha256(place), file.sha256) if file.sha256 else (_blob_id(place), file.blob_id)
    return None if expected is None or got == expected else f"{file.path} has hash {got}, expected {expected}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _blob_id(path: Path) -> str:
    """Git's name of a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
