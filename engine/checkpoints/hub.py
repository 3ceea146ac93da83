"""Files from the Hugging Face hub into a folder: free space first, resumable, checked. Knows no model and no weights.

huggingface_hub lists the files with their sizes and hashes; the transfer is ours, because that client throws partial
files away. A manifest in the folder says what was pulled, so that it can be checked later.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http
import http.client
import json
import logging
import shutil
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.checkpoints import registry
from engine.errors import CheckpointError

MANIFEST = "pulled.json"
SPARE_BYTES = 200_000_000
TIMEOUT_SECONDS = 30.0
CHUNK_BYTES = 1 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NETWORK = {
    "URLError",
    "ConnectionError",
    "ConnectError",
    "TimeoutError",
    "TransportError",
    "gaierror",
    "HTTPException",
}


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is. `total_bytes` is what all files weigh."""

    done_bytes: int
    total_bytes: int


OnProgress = Callable[[PullProgress], None]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file at the hub: its path, size, and SHA-256 (large files) or git blob id (small ones)."""

    path: str
    size: int
    sha256: str | None
    blob_id: str | None


@dataclass(frozen=True, slots=True)
class Repository:
    """What is pulled and where to. `endpoint` None is huggingface_hub's own; `again` is what goes on with a pull."""

    name: str
    revision: str
    folder: Path
    again: str
    licence: str = ""
    endpoint: str | None = None


def list_files(repository: Repository, patterns: Iterable[str]) -> list[RemoteFile]:
    """The repository's files that match. Raises CheckpointError where the hub cannot be asked."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils._paths import filter_repo_objects

    try:
        with quiet_hub():
            api = HfApi(endpoint=repository.endpoint)
            tree = api.list_repo_tree(repository.name, recursive=True, revision=repository.revision)
            files = {item.path: item for item in tree if isinstance(item, RepoFile)}
    except Exception as error:  # the hub client's errors share no base class
        raise unreachable(repository, error) from error
    return [_remote_file(files[path]) for path in filter_repo_objects(files, allow_patterns=list(patterns))]


def _remote_file(item: Any) -> RemoteFile:
    return RemoteFile(item.path, item.size, item.lfs.sha256 if item.lfs else None, item.blob_id)


def current_commit(repository: Repository) -> str:
    """The commit that a repository is at now. Raises CheckpointError where the hub cannot be asked."""
    from huggingface_hub import HfApi

    try:
        sha = HfApi(endpoint=repository.endpoint).model_info(repository.name, revision="main").sha
    except Exception as error:  # the hub client's errors share no base class
        raise unreachable(repository, error) from error
    return sha or "main"


def download(repository: Repository, files: list[RemoteFile], progress: OnProgress | None = None) -> None:
    """Load what is missing and write the manifest. Raises CheckpointError with numbers where the disk is too small."""
    from huggingface_hub import hf_hub_url

    check_space(repository.folder, files)
    total = sum(file.size for file in files)
    done = 0
    for file in files:

        def report(size: int, before: int = done) -> None:
            if progress is not None:
                progress(PullProgress(before + size, total))

        if not has_size(repository.folder, file):
            url = hf_hub_url(repository.name, file.path, revision=repository.revision, endpoint=repository.endpoint)
            try:
                fetch_file(url, repository.folder / file.path, file.size, report)
            except (OSError, http.client.HTTPException) as error:
                raise unreachable(repository, error) from error
        done += file.size
        report(0, done)
    _write_manifest(repository, files)


def check_space(folder: Path, files: list[RemoteFile]) -> None:
    """Raise CheckpointError with numbers where the disk cannot hold what is still to be loaded."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    needed = sum(file.size for file in files if not has_size(folder, file)) + SPARE_BYTES
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise CheckpointError(
            f"{existing}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed. Make room, or let "
            f"{registry.HOME_VARIABLE} name a folder on another disk."
        )


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


def unreachable(repository: Repository, error: Exception) -> CheckpointError:
    """What to say when the hub gives nothing."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return CheckpointError(f"{repository.folder}: the disk is full. Make room; `{repository.again}` goes on then.")
    return CheckpointError(
        f"{repository.name} could not be loaded: {reason_of(error)}. What "
        f"was loaded is kept: `{repository.again}` goes on from there. Without a network, copy the folder from another "
        f"machine to {repository.folder}."
    )


@contextlib.contextmanager
def quiet_hub() -> Iterator[None]:
    """The hub's client says each retry with addresses and error numbers; what matters comes as an error at the end."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def reason_of(error: BaseException) -> str:
    """Why the hub gave nothing, with what to do, in our words; the client's own are lines of request ids and URLs."""
    names = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None) or getattr(error, "code", None)
    if "OfflineModeIsEnabled" in names:
        return "HF_HUB_OFFLINE is set. Unset it"
    if "GatedRepoError" in names or status == 403:
        return "the hub lets only some in. Accept the licence on its page and log in with `hf auth login`"
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError", "EntryNotFoundError"} or status in (401, 404):
        return "the hub has no such repository, revision or file. Check the spelling"
    if status == 429:
        return "the hub has had too many requests from here. Wait some minutes"
    if isinstance(status, int) and status >= 500:
        return f"the hub is out of order (status {status}). Try again later"
    if names & _NETWORK:
        return "there is no connection to the hub. Check the network (or the proxy)"
    text = str(error).strip()
    return f"{type(error).__name__}{': ' + text.splitlines()[0] if text else ''}. Check the network"


def _write_manifest(repository: Repository, files: list[RemoteFile]) -> None:
    manifest = {
        "repository": repository.name,
        "revision": repository.revision,
        "licence": repository.licence,
        "files": [asdict(file) for file in files],
    }
    (repository.folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What was pulled into a folder; None where nothing was, or not to its end."""
    manifest = read_object(folder / MANIFEST)
    return manifest if isinstance(manifest.get("files"), list) else None


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file that a pull wrote; a damaged file is as good as none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}


def verify_files(folder: Path) -> list[str]:
    """What is wrong with a folder's pulled files, in sentences. Without a manifest that is a problem too."""
    manifest = read_manifest(folder)
    if manifest is None:
        return [f"{MANIFEST} is missing, so there is nothing to check the files against"]
    files = [RemoteFile(**entry) for entry in manifest["files"]]
    return [problem for file in files if (problem := _problem(folder, file)) is not None]


def has_size(folder: Path, file: RemoteFile) -> bool:
    """Whether the file is there in its full length."""
    place = folder / file.path
    return place.is_file() and place.stat().st_size == file.size


def _problem(folder: Path, file: RemoteFile) -> str | None:
    place = folder / file.path
    if not place.is_file():
        return f"{file.path} is missing"
    size = place.stat().st_size
    if size != file.size:
        return f"{file.path} has {size} bytes, expected {file.size}"
    got, expected = (sha256_of(place), file.sha256) if file.sha256 else (_blob_id(place), file.blob_id)
    return None if expected is None or got == expected else f"{file.path} has hash {got}, expected {expected}"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _blob_id(path: Path) -> str:
    """Git's name of a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
