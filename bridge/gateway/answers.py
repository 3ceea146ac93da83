"""What the gateway answers: status, output and errors in the words of the public API. Knows no socket and no file.

No answer names a path of this machine. There is no FAILED or CANCELLED: such a job is COMPLETED, with an `error`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

import msgspec

from bridge.gateway.endpoint_ids import APP
from bridge.gateway.inputs import problem, problem_of
from bridge.gateway.ledger import CallRow
from bridge.protocol import messages as m
from bridge.protocol.errors import ErrorContent

Json = dict[str, Any]
Url = Callable[[int, m.AudioFile], str]
TIMED_OUT = "request_timeout"
_UNIX_PATH = re.compile(r"(?<![\w:/.~%-])/(?:[^\s/'\"`,;:()<>]+/)+[^\s/'\"`,;:()<>]*")
_WINDOWS_PATH = re.compile(r"(?<!\w)[A-Za-z]:\\(?:[^\s\\'\"`,;:()<>]+\\)*[^\s\\'\"`,;:()<>]*")
_LEVELS = {"info": "INFO", "warning": "WARN", "error": "ERROR", "debug": "DEBUG"}
_INPUT_CODES = ("invalid_request", "forbidden_path", "unknown_audio", "unknown_model", "bad_message")


def links(base: str, request_id: str) -> Json:
    """The addresses under which a call is followed."""
    address = f"{base}/queue/{APP}/requests/{request_id}"
    return {
        "request_id": request_id,
        "response_url": address,
        "status_url": f"{address}/status",
        "cancel_url": f"{address}/cancel",
    }


def submitted(base: str, request_id: str, job: m.JobStatus) -> Json:
    """The answer to a submit."""
    position = max(job.queue_position - 1, 0)
    urls = links(base, request_id)
    return {"status": "IN_QUEUE", **urls, "gateway_request_id": request_id, "queue_position": position}


def status(base: str, call: CallRow, job: m.JobStatus, logs: Sequence[m.LogLine] | None) -> Json:
    """A call as it is now. `logs` None: not asked for."""
    urls = links(base, call.request_id)
    entries = None if logs is None else [log_entry(line) for line in logs]
    if job.state == "queued":
        return {"status": "IN_QUEUE", **urls, "queue_position": max(job.queue_position - 1, 0), "logs": entries}
    if not job.is_finished:
        return {"status": "IN_PROGRESS", **urls, "logs": entries, **_progress(job)}
    seconds = 0.0 if job.started is None or job.finished is None else max(0.0, job.finished - job.started)
    done = {"status": "COMPLETED", **urls, "logs": entries, "metrics": {"inference_time": round(seconds, 4)}}
    if job.state == "completed":
        return done
    kind, text = _failure(call, job)
    return {**done, "error": text, "error_type": kind}


def _progress(job: m.JobStatus) -> Json:
    names = ("progress", "stage", "step", "steps", "remaining_seconds")
    return {name: getattr(job, name) for name in names}


def log_entry(line: m.LogLine) -> Json:
    """A line of a job's log."""
    at = datetime.fromtimestamp(line.time, UTC).isoformat()
    level = _LEVELS.get(line.level, "INFO")
    return {"timestamp": at, "level": level, "source": "USER", "message": without_paths(line.text)}


def _failure(call: CallRow, job: m.JobStatus) -> tuple[str, str]:
    if job.state == "cancelled":
        if call.outcome == TIMED_OUT:
            return TIMED_OUT, "The request was not started in the time that it allowed."
        return "client_cancelled", "The request was cancelled."
    error = job.error or ErrorContent(code="internal", message="The job failed.")
    return ("bad_request" if error.code in _INPUT_CODES else "internal_server_error"), without_paths(error.message)


def failed(call: CallRow, job: m.JobStatus) -> tuple[int, Json, dict[str, str]]:
    """Status code, body and headers for the result of a job that made none."""
    kind, text = _failure(call, job)
    if job.state == "cancelled":
        code = 504 if kind == TIMED_OUT else 499
        headers = {"x-fal-error-type": kind, "x-fal-retryable": "false"}
        if code == 504:
            headers["x-fal-request-timeout-type"] = "user"
        return code, {"detail": text, "error_type": kind}, headers
    error = job.error or ErrorContent(code="internal", message=text)
    if kind == "bad_request":
        return 422, {"detail": [without_paths(problem_of(error))]}, {"x-fal-retryable": "false"}
    entry = problem(["body"], text, "internal_server_error")
    return 500, {"detail": [entry]}, {"x-fal-retryable": "true" if error.code == "engine_crashed" else "false"}


def output(result: m.ResultReply, url: Url) -> Json:
    """What a job made: the documented fields of the first result, ours beside them, and all results in `results`."""
    entries = [_entry(index, entry, url) for index, entry in enumerate(result.results)]
    first = entries[0]
    names = ("audio", "seed", "tags", "lyrics", "retake_seed", "region", "seam_report", "recipe", "model")
    return {
        **{name: first[name] for name in names},
        "timings": {**result.results[0].timings, **result.timings},
        "warnings": without_paths(result.warnings),
        "results": entries,
    }


def _entry(index: int, entry: m.ResultEntry, url: Url) -> Json:
    request = entry.recipe.get("request") if isinstance(entry.recipe.get("request"), dict) else {}
    assert isinstance(request, dict)
    fields = msgspec.to_builtins(entry)
    cleaned: Json = without_paths(fields)
    return cleaned | {
        "audio": audio_file(entry.audio, url(index, entry.audio)),
        "tags": entry.tags or request.get("tags", ""),
        "lyrics": entry.lyrics or request.get("lyrics", ""),
        "model": {"name": PurePath(entry.model.name).name, "description": entry.model.description},
    }


def audio_file(audio: m.AudioFile, url: str) -> Json:
    """A file as the public API tells of it, with ours: hash, rate, channels, samples."""
    names = ("content_type", "file_name", "file_size", "sha256", "sample_rate", "channels", "samples")
    return {"url": url, **{name: getattr(audio, name) for name in names}}


def without_paths(value: Any) -> Any:
    """The same JSON, each absolute path in it cut to its last part."""
    if isinstance(value, str):
        home = str(Path.home())
        text = value.replace(home + "/", "/~/") if len(home) > 1 else value
        return _WINDOWS_PATH.sub(_last_part, _UNIX_PATH.sub(_last_part, text))
    if isinstance(value, dict):
        return {name: without_paths(inner) for name, inner in value.items()}
    return [without_paths(inner) for inner in value] if isinstance(value, list | tuple) else value


def _last_part(match: re.Match[str]) -> str:
    return re.split(r"[/\\]", match[0].rstrip("/\\."))[-1] or "a folder"
