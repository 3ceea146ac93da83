"""Operations and what they carry, typed: one struct a content. Knows no socket and no store."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bridge.protocol.errors import ErrorContent, ProtocolError
from bridge.protocol.frames import MAX_REQUEST_ID_CHARACTERS

State = Literal["queued", "running", "completed", "failed", "cancelled"]
FINISHED: tuple[State, ...] = ("completed", "failed", "cancelled")
PUBLIC_STATES: dict[State, str] = {
    "queued": "IN_QUEUE",
    "running": "IN_PROGRESS",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a message."""


class ModelName(Content, frozen=True, kw_only=True):
    """Which model, by name, and in words for people."""

    name: str
    description: str = ""


class Nothing(Content, frozen=True, kw_only=True):
    """For operations without fields."""


class HelloRequest(Content, frozen=True, kw_only=True):
    """`warm` starts the engine process and loads the default model."""

    client: str = ""
    warm: bool = False


class SubmitRequest(Content, frozen=True, kw_only=True):
    """A request of the API as a JSON object; the other three may stand inside it instead."""

    request: dict[str, Any]
    client_data: dict[str, Any] | None = None
    request_id: str | None = None
    priority: int | None = None


class JobRequest(Content, frozen=True, kw_only=True):
    """For operations on one job."""

    job_id: str
    request_id: str | None = None


class WaitRequest(Content, frozen=True, kw_only=True):
    """Answered when the job is finished, its sequence is above `after_sequence`, or the time is over."""

    job_id: str
    timeout_seconds: float = 20.0
    after_sequence: int | None = None


class ResultRequest(Content, frozen=True, kw_only=True):
    """`variation` null: all of them, candidates too."""

    job_id: str
    include: Literal["path", "bytes"] = "path"
    variation: int | None = None


class LogsRequest(Content, frozen=True, kw_only=True):
    """Lines with a number above `after`."""

    job_id: str
    after: int = 0


class ListRequest(Content, frozen=True, kw_only=True):
    """Newest first."""

    state: State | None = None
    limit: int = 50
    offset: int = 0


class RequestsRequest(Content, frozen=True, kw_only=True):
    """At most 500 jobs; unknown ones are left out of the answer."""

    job_ids: list[str]


class UploadRequest(Content, frozen=True, kw_only=True):
    """Comes with exactly one buffer."""

    file_name: str = ""
    request_id: str | None = None


class LoadRequest(Content, frozen=True, kw_only=True):
    """A model by name or folder."""

    model: str
    request_id: str | None = None


class ChangeRequest(Content, frozen=True, kw_only=True):
    """For operations without fields that change something."""

    request_id: str | None = None


class ControlsRequest(Content, frozen=True, kw_only=True):
    """`set` merges `values`; null removes a name."""

    action: Literal["get", "set"]
    values: dict[str, Any] = {}
    request_id: str | None = None


class JobStatus(Content, frozen=True, kw_only=True):
    """A job as a client sees it. Times in seconds since 1970."""

    job_id: str
    task: str
    state: State
    public_state: str
    sequence: int
    queue_position: int = 0
    stage: str = ""
    step: int = 0
    steps: int = 0
    progress: float = 0.0
    remaining_seconds: float | None = None
    model: ModelName
    priority: int = 0
    attempts: int = 0
    cancelling: bool = False
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    client_data: dict[str, Any] = {}
    error: ErrorContent | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the job is completed, failed or cancelled."""
        return self.state in FINISHED


class AudioFile(Content, frozen=True, kw_only=True):
    """A file of the store. `path` is null for clients of another machine; `samples` are per channel."""

    path: str | None
    sha256: str
    file_name: str
    file_size: int
    content_type: str
    sample_rate: int
    channels: int
    samples: int
    subtype: str = ""


class Region(Content, frozen=True, kw_only=True):
    """In samples of the source."""

    start: int
    end: int


class ResultEntry(Content, frozen=True, kw_only=True):
    """One piece of audio that a job made."""

    variation: int
    candidate: int = 0
    chosen: bool = True
    audio: AudioFile
    seed: int
    retake_seed: int | None = None
    tags: str = ""
    lyrics: str = ""
    model: ModelName
    region: Region | None = None
    seam_report: dict[str, Any] | None = None
    timings: dict[str, float] = {}
    report: dict[str, Any] = {}
    recipe: dict[str, Any] = {}


class ResultReply(Content, frozen=True, kw_only=True):
    """What a completed job made: the chosen entry of each variation, then other candidates."""

    job_id: str
    task: str
    client_data: dict[str, Any] = {}
    timings: dict[str, float] = {}
    warnings: list[str] = []
    results: list[ResultEntry]


class LogLine(Content, frozen=True, kw_only=True):
    """One line of a job's log; `time` in seconds since 1970."""

    number: int
    time: float
    level: str
    text: str


class LogsReply(Content, frozen=True, kw_only=True):
    """Pass `next` as `after`."""

    lines: list[LogLine]
    next: int


class ListReply(Content, frozen=True, kw_only=True):
    """`total` counts all that match."""

    jobs: list[JobStatus]
    total: int


class RequestsReply(Content, frozen=True, kw_only=True):
    """By job: its request as it is rendered, seed and model filled in."""

    requests: dict[str, dict[str, Any]]


class DeleteReply(Content, frozen=True, kw_only=True):
    """The job is gone."""

    deleted: bool


class FileInfo(Content, frozen=True, kw_only=True):
    """What an audio file holds; `samples` per channel, `duration` in seconds."""

    sample_rate: int
    channels: int
    samples: int
    duration: float
    format: str
    subtype: str


class UploadReply(Content, frozen=True, kw_only=True):
    """`reference` is what a request's `audio` may say."""

    sha256: str
    reference: str
    size: int
    audio: FileInfo


class ModelEntry(Content, frozen=True, kw_only=True):
    """A model of the registry; `remedy` says how to get it where it is not available.

    `machine` is the linked one that has it, "" on this one. `tasks` is what it is trained for, where that is known.
    `fingerprint` tells checkpoints of the same name apart, as in recipes.
    """

    name: str
    description: str
    available: bool
    loaded: bool = False
    path: str | None = None
    size_bytes: int | None = None
    licence: str = ""
    remedy: str = ""
    machine: str = ""
    tasks: list[str] = []
    fingerprint: str = ""


class ModelsReply(Content, frozen=True, kw_only=True):
    """`default` is what a request without `model` gets; `default_tasks` what that is trained for, where it is known."""

    models: list[ModelEntry]
    default: str
    default_tasks: list[str] = []


class EngineState(Content, frozen=True, kw_only=True):
    """The engine process, or what stands for several: `places` is how many jobs it takes at once, `problems` what of
    its machines is not used, or not as here."""

    state: Literal["stopped", "starting", "loading", "idle", "busy"]
    pid: int | None = None
    model: str | None = None
    device: str | None = None
    restarts: int = 0
    places: int = 1
    problems: list[str] = []


class HelloReply(Content, frozen=True, kw_only=True):
    """Who answers."""

    server: str
    package_version: str
    protocol_version: int
    pid: int
    started: float
    home: str
    engine: EngineState  # the one that does most
    engines: list[EngineState] = []  # every one, where there are several
    model: ModelName
    queued: int
    max_message_bytes: int
    updated: bool = False  # the software's files changed since it began
    software: str = ""  # where they lie; not told to other machines


class ControlsReply(Content, frozen=True, kw_only=True):
    """All controls after the change."""

    values: dict[str, Any]
    sequence: int


class MetricsReply(Content, frozen=True, kw_only=True):
    """Counts since the daemon's start; jobs and audio as they are in the store."""

    uptime_seconds: float
    jobs: dict[str, int]
    messages_received: int
    rejected_signatures: int
    rejected_messages: int
    events_sent: int
    engine_restarts: int
    audio_bytes: int
    audio_files: int


class ShutdownReply(Content, frozen=True, kw_only=True):
    """The daemon stops after this reply."""

    stopping: bool


class JobEvent(Content, frozen=True, kw_only=True):
    """All that an event says of a job."""

    job_id: str
    sequence: int
    state: State
    step: int


class ControlsEvent(Content, frozen=True, kw_only=True):
    """Some control changed."""

    sequence: int


OPERATIONS: dict[str, tuple[type[Content], type[Content]]] = {
    "hello": (HelloRequest, HelloReply),
    "submit": (SubmitRequest, JobStatus),
    "status": (JobRequest, JobStatus),
    "wait": (WaitRequest, JobStatus),
    "result": (ResultRequest, ResultReply),
    "logs": (LogsRequest, LogsReply),
    "cancel": (JobRequest, JobStatus),
    "list": (ListRequest, ListReply),
    "requests": (RequestsRequest, RequestsReply),
    "delete": (JobRequest, DeleteReply),
    "upload": (UploadRequest, UploadReply),
    "models": (Nothing, ModelsReply),
    "load": (LoadRequest, EngineState),
    "unload": (ChangeRequest, EngineState),
    "controls": (ControlsRequest, ControlsReply),
    "metrics": (Nothing, MetricsReply),
    "shutdown": (ChangeRequest, ShutdownReply),
}


def read_request(op: str, content: dict[str, Any]) -> Content:
    """The typed content of a request. Raises `ProtocolError` with code unknown_op or bad_message."""
    if op not in OPERATIONS:
        known = ", ".join(OPERATIONS)
        raise ProtocolError(f"got operation '{op}', expected one of {known}", code="unknown_op", field="op")
    try:
        request = msgspec.convert(content, OPERATIONS[op][0])
    except msgspec.ValidationError as error:
        text = str(error)
        where = text.rsplit(" - at `", 1)[1].rstrip("`") if " - at `" in text else None
        raise ProtocolError(f"{op}: {text}", field=where) from error
    request_id = getattr(request, "request_id", None)
    if request_id is not None and not 0 < len(request_id) <= MAX_REQUEST_ID_CHARACTERS:
        raise ProtocolError(f"{op}: got a request_id of {len(request_id)} characters, expected 1 to 200")
    return request


def read_reply(op: str, content: dict[str, Any]) -> Content:
    """The typed content of a reply. Raises `ProtocolError`."""
    try:
        return msgspec.convert(content, OPERATIONS[op][1])
    except msgspec.ValidationError as error:
        raise ProtocolError(f"reply to {op}: {error}") from error
