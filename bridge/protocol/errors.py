"""Errors of the wire and of everything behind it. Knows no socket.

BridgeError
├── DaemonNotRunning        no daemon answers; the message holds the command that starts one
├── DaemonLost              a daemon that had answered does so no more
├── ProtocolError           frames, header or content are not what docs/protocol.md says
│   └── BadSignature        the signature does not match: nothing was decoded
├── KeyFileError            a CURVE key or client name that cannot be used
├── HomeError               the product's folder cannot be made or written
├── StoreError              the file of jobs is damaged, or of a newer version
├── StoreUnavailable        the file of jobs cannot be written or read just now: store_busy, disk_full, disk_error
└── RequestFailed           an error reply: code, message, field, got, expected, remedy
    ├── InvalidField        invalid_request, forbidden_path: a field of the request cannot be used
    ├── UnknownThing        unknown_job, unknown_audio, unknown_model
    ├── NotFinished         not_finished
    ├── JobCancelled        job_cancelled
    └── JobFailed           job_failed and the codes of a job's own error
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from engine.errors import EngineError


class ErrorContent(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it travels: `code` for programs, `message` a whole sentence, the rest what it was made of."""

    code: str
    message: str
    field: str | None = None
    got: str | None = None
    expected: str | None = None
    remedy: str | None = None


class BridgeError(Exception):
    """Any failure outside the engine that has a message for a person."""


class DaemonNotRunning(BridgeError):
    """No daemon answers. `command` starts one."""

    def __init__(self, where: str, command: str = "acestep-bridge serve") -> None:
        super().__init__(f"No daemon answers ({where}). Start one with: {command}")
        self.command = command


class DaemonLost(BridgeError):
    """A daemon that had answered does so no more. Jobs it holds go on when it is started again."""


class ProtocolError(BridgeError):
    """A message that docs/protocol.md does not allow. `code` is the wire's word for it."""

    def __init__(self, message: str, code: str = "bad_message", field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class BadSignature(ProtocolError):
    """The signature does not match; nothing was decoded."""


class KeyFileError(BridgeError):
    """A CURVE key or client name that cannot be used."""


class HomeError(BridgeError):
    """The product's folder cannot be made or written."""


class StoreError(BridgeError):
    """The file of jobs cannot be used."""


class StoreUnavailable(BridgeError):
    """The file of jobs cannot be used now: nothing was changed. `code` and `remedy` as they travel."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.code, self.remedy = code, remedy


class RequestFailed(BridgeError):
    """An operation that failed, with everything the error says."""

    def __init__(self, error: ErrorContent) -> None:
        super().__init__(error.message)
        self.error = error

    @property
    def code(self) -> str:
        """The wire's word for the failure."""
        return self.error.code

    @property
    def field(self) -> str | None:
        """The field at fault, if one is."""
        return self.error.field

    @property
    def remedy(self) -> str | None:
        """What to do."""
        return self.error.remedy


class InvalidField(RequestFailed):
    """A field of the request, or the audio it names, cannot be used; nothing was queued."""


class UnknownThing(RequestFailed):
    """A job, audio or model that the daemon does not have."""


class NotFinished(RequestFailed):
    """There is no result yet."""


class JobCancelled(RequestFailed):
    """The job was cancelled, so there is no result."""


class JobFailed(RequestFailed):
    """The job failed; the message is its error."""


_BY_CODE: dict[str, type[RequestFailed]] = {
    "invalid_request": InvalidField,
    "forbidden_path": InvalidField,
    "unknown_job": UnknownThing,
    "unknown_audio": UnknownThing,
    "unknown_model": UnknownThing,
    "not_finished": NotFinished,
    "job_cancelled": JobCancelled,
    "job_failed": JobFailed,
    "engine_crashed": JobFailed,
    "out_of_memory": JobFailed,
    "checkpoint": JobFailed,
    "model_not_finite": JobFailed,
    "effect_failed": JobFailed,
}


def failure(error: ErrorContent) -> RequestFailed:
    """The exception for an error content."""
    return _BY_CODE.get(error.code, RequestFailed)(error)


def refused(code: str, field: str | None, got: str, expected: str, remedy: str) -> RequestFailed:
    """The exception for a failure told in its parts."""
    head = f"{field}: " if field else ""
    message = f"{head}got {got}, expected {expected}. {remedy}"
    return failure(ErrorContent(code=code, message=message, field=field, got=got, expected=expected, remedy=remedy))


@contextmanager
def about_field(field: str) -> Iterator[None]:
    """What is refused of audio in here is said of this field, not of `audio`."""
    try:
        yield
    except RequestFailed as failed:
        error = failed.error
        if error.field != "audio" or field == "audio":
            raise
        got, expected, remedy = error.got or "", error.expected or "", error.remedy or ""
        raise refused(error.code, field, got, expected, remedy) from failed


def content_of(error: Exception) -> ErrorContent:
    """What travels for an exception; unknown ones become `internal` without their details."""
    if isinstance(error, RequestFailed):
        return error.error
    if isinstance(error, ProtocolError):
        return ErrorContent(
            code=error.code, message=str(error), field=error.field, remedy="See docs/protocol.md for the message."
        )
    if isinstance(error, StoreError):
        remedy = "Stop the daemon, then: acestep-bridge jobs repair"
        return ErrorContent(code="store_damaged", message=str(error), remedy=remedy)
    if isinstance(error, StoreUnavailable):
        return ErrorContent(code=error.code, message=str(error), remedy=error.remedy)
    if isinstance(error, KeyFileError | HomeError):
        return ErrorContent(code="settings_damaged", message=str(error))
    full = _full_disk(error)
    if full is not None:
        remedy = "Free some space, or delete old jobs: acestep-bridge jobs delete --older-than 30"
        where = f"{full.filename} could not be written" if full.filename else "a file could not be written"
        return ErrorContent(code="disk_full", message=f"The disk is full: {where}. {remedy}", remedy=remedy)
    if isinstance(error, OSError) and error.errno in _NO_MORE_FILES:
        remedy = "Close programs that use it, or raise the limit (ulimit -n), and ask again."
        return ErrorContent(code="internal", message=f"Too many files are open here. {remedy}", remedy=remedy)
    parts: Any = getattr(error, "field", None), getattr(error, "got", None), getattr(error, "expected", None)
    if all(isinstance(part, str) for part in parts):
        remedy_text = getattr(error, "remedy", None)
        return ErrorContent(
            code="invalid_request",
            message=str(error),
            field=parts[0],
            got=parts[1],
            expected=parts[2],
            remedy=remedy_text,
        )
    if isinstance(error, EngineError):
        return ErrorContent(code="internal", message=str(error))
    remedy = "The daemon's log has the details; `acestep-bridge doctor --report` collects them."
    return ErrorContent(code="internal", message=f"A fault inside ({type(error).__name__}). {remedy}", remedy=remedy)


def _full_disk(error: BaseException | None) -> OSError | None:
    """What says that the disk is full: the error itself or what it was raised from."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return error
        error = error.__cause__
    return None


_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)
_NO_SPACE = (28, 122, 112)  # ENOSPC, EDQUOT, Windows' ERROR_DISK_FULL
