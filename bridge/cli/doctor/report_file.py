"""What a bug report needs, in one zip file: versions, checks, settings, logs, records of jobs; no audio and no secret.

Paths below the user's folder begin with ~. What jobs were asked for in words (tags, lyrics) is in it on request only.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import platform
import sys
import time
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bridge.cli.doctor.known_secrets import known_secrets, without_secrets
from bridge.jobs import Job, JobStore
from bridge.log import KEPT
from bridge.log_reading import PROCESSES, error_path, log_path
from bridge.protocol.errors import BridgeError
from bridge.protocol.frames import PROTOCOL_VERSION
from bridge.system.atomic import write_private
from bridge.system.version import package_version
from engine.errors import InvalidRequest

MOST_JOBS = 200
_PREFIXES = ("ACESTEP_", "CUDA_", "OMP_", "PYTORCH_", "HF_HUB_", "FAL_")
_NUMBERS = (int, float, bool, type(None))
_WORDS = ("task", "scheduler", "guidance_type", "edit_mode", "format", "bit_depth", "output", "model", "meter", "key")


def default_path(now: float) -> Path:
    """Where a report goes that was given no name."""
    return Path(time.strftime("acestep-report-%Y%m%d-%H%M%S.zip", time.localtime(now)))


def write_report(path: Path, home: Path, checks: Iterable[Mapping[str, Any]], with_words: bool) -> Path:
    """Write it, 0600, whole or not at all. Raises InvalidRequest for a file that is there, OSError, BridgeError."""
    if path.exists():
        raise InvalidRequest("--report", f"{path}, which exists", "a new file", "Choose another name, or remove it.")
    secrets = known_secrets(home)
    texts = {name: _clean(text, secrets) for name, text in _texts(home, checks, with_words).items()}
    if any(secret in text for secret in secrets for text in texts.values()):
        raise BridgeError("A secret would have been in the report: nothing was written. Please report that.")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    write_private(path, stream.getvalue())
    return path


def _texts(home: Path, checks: Iterable[Mapping[str, Any]], with_words: bool) -> dict[str, str]:
    about = {**versions(), "checks": list(checks), "environment": settings(), "files": _listing(home)}
    texts = {"report.json": _json(about), "jobs.json": _json(job_records(home, with_words))}
    for process in PROCESSES:
        base = log_path(home, process)
        older = [base.with_name(f"{base.name}.{number}") for number in range(1, KEPT + 1)]
        for file in (base, *older, error_path(home, process)):
            with contextlib.suppress(OSError):
                texts[f"logs/{file.name}"] = file.read_text("utf-8", errors="replace")
    return texts


def _clean(text: str, secrets: list[str]) -> str:
    user = str(Path.home())
    for written in (user, json.dumps(user)[1:-1]):
        text = text.replace(written, "~") if len(user) > 1 else text
    return without_secrets(text, secrets)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, default=str)


def versions() -> dict[str, Any]:
    """What runs here, and on what."""
    packages = {found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "acestep-bridge": package_version(),
        "protocol": PROTOCOL_VERSION,
        "python": sys.version,
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "packages": dict(sorted(packages.items(), key=lambda item: str(item[0]).lower())),
    }


def settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that change what the product does."""
    return {name: value for name, value in sorted(environment.items()) if name.startswith(_PREFIXES)}


def job_records(home: Path, with_words: bool) -> list[dict[str, Any]]:
    """The newest jobs with what happened in them; of their requests the numbers, and the words if they are wanted."""
    if not (home / "jobs.sqlite3").is_file():
        return []
    try:
        store = JobStore.reading(home / "jobs.sqlite3")
    except BridgeError as error:
        return [{"problem": str(error)}]
    with contextlib.closing(store):
        try:
            return [_record(store, job, with_words) for job in store.list(None, None, MOST_JOBS, 0)[0]]
        except BridgeError as error:
            return [{"problem": str(error)}]


def _record(store: JobStore, job: Job, with_words: bool) -> dict[str, Any]:
    held: dict[str, Any] = msgspec.to_builtins(job)
    results = held.pop("result") or []
    kept = {name: held[name] for name in held if name not in ("request", "client_data", "owner")}
    lines = [f"{line.level} {line.text}" for line in store.logs(job.job_id, 0)]
    timings = [entry.get("timings") for entry in results]
    more = {"of_this_user": not job.owner, "request": _plain(job.request, with_words)}
    return {**kept, **more, "timings": timings, "log": lines}


def _plain(request: Mapping[str, Any], with_words: bool) -> dict[str, Any]:
    """A request's values; texts, lists and paths of the user only by their length."""
    shown: dict[str, Any] = {}
    for name, value in request.items():
        open_value = isinstance(value, _NUMBERS) or name in _WORDS
        is_text = with_words and name in ("tags", "lyrics", "prompt", "original_tags", "original_lyrics")
        shown[name] = value if open_value or is_text else f"({type(value).__name__}, {len(str(value))} characters)"
    return shown


def _listing(home: Path) -> list[str]:
    """Names, sizes and permissions of the files in the product's folder, without its audio."""
    found: list[str] = []
    for path in sorted(home.glob("*")) + sorted(home.glob("*/*")):
        if path.parent.name != "audio" and len(found) < 500:
            with contextlib.suppress(OSError):
                state = path.lstat()
                found.append(f"{state.st_mode:o} {state.st_size:>12} {path.relative_to(home).as_posix()}")
    return found
