"""What daemon and engine process say to each other: signed frames (as on the outer wire), typed contents. No torch.

The engine process gets a `Start` as one line on its standard input; the end of that input is the end of the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bridge.protocol.errors import ErrorContent, ProtocolError
from bridge.protocol.frames import Data, new_header, pack, unpack
from bridge.protocol.messages import ModelName, ResultEntry

BEAT_SECONDS = 1.0
DEFAULT_RENDERER = "bridge.engine_process.local:engine_renderer"
REMOTE_RENDERER = "bridge.engine_process.remote:remote_renderer"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine process begins. `renderer` is `module:function` or `/file.py:function`."""

    endpoint: str
    key: str
    store: str
    device: str = "auto"
    renderer: str = DEFAULT_RENDERER
    cluster: str = ""  # Ray's driver: its address; "" for a cluster of this machine alone
    workers: int = 0  # Ray's driver: how many actors; 0 for one per GPU


class Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Anything said on the inner wire."""


class Load(Said, frozen=True, kw_only=True, tag="load"):
    """Daemon: load a model."""

    model: str


class RenderJob(Said, frozen=True, kw_only=True, tag="render"):
    """Daemon: render; `request.audio` is a path by now. `source_sha256` where it is known. `links`: how many linked
    machines the job went through until here.
    """

    job_id: str
    model: str
    request: dict[str, Any]
    source_sha256: str | None = None
    links: int = 0


class CancelJob(Said, frozen=True, kw_only=True, tag="cancel"):
    """Daemon: stop that job within a step."""

    job_id: str


class Stop(Said, frozen=True, kw_only=True, tag="stop"):
    """Daemon: end."""


class Ready(Said, frozen=True, kw_only=True, tag="ready"):
    """Engine: it lives."""

    pid: int


class Beat(Said, frozen=True, kw_only=True, tag="beat"):
    """Engine: it still lives."""


class Loaded(Said, frozen=True, kw_only=True, tag="loaded"):
    """Engine: a model is loaded."""

    model: ModelName
    device: str


class LoadFailed(Said, frozen=True, kw_only=True, tag="load_failed"):
    """Engine: a model could not be loaded outside of a job."""

    model: str
    error: ErrorContent


class StepDone(Said, frozen=True, kw_only=True, tag="step"):
    """Engine: where the job is."""

    job_id: str
    stage: str
    step: int
    steps: int


class LogText(Said, frozen=True, kw_only=True, tag="log"):
    """Engine: a line for the job's log."""

    job_id: str
    level: str
    text: str


class Done(Said, frozen=True, kw_only=True, tag="done"):
    """Engine: the job's results lie in the store."""

    job_id: str
    results: list[ResultEntry]
    warnings: list[str] = []


class Failed(Said, frozen=True, kw_only=True, tag="failed"):
    """Engine: the job cannot be done."""

    job_id: str
    error: ErrorContent


class Stopped(Said, frozen=True, kw_only=True, tag="stopped"):
    """Engine: the job was cancelled."""

    job_id: str


class Lost(Said, frozen=True, kw_only=True, tag="lost"):
    """Ray's driver: where the job ran is gone; it can be run again. `begun`: it had been handed to an actor, whose
    first line may be lost with it.
    """

    job_id: str
    text: str
    begun: bool = True


class Places(Said, frozen=True, kw_only=True, tag="places"):
    """Ray's driver, and who renders on a linked machine: how many jobs can run at once there now."""

    count: int
    problems: list[str] = []


class AbandonJob(Said, frozen=True, kw_only=True, tag="abandon"):
    """Daemon: end what renders that job; it was cancelled and does not stop."""

    job_id: str


FromDaemon = Load | RenderJob | CancelJob | AbandonJob | Stop
FromEngine = Ready | Beat | Loaded | LoadFailed | StepDone | LogText | Done | Failed | Stopped | Lost | Places


def say(key: str, message: Said) -> list[Data]:
    """The frames of something said."""
    return pack(key, new_header("engine"), message)


def heard_by_engine(key: str, frames: Sequence[Data]) -> FromDaemon:
    """What the daemon said. Raises BadSignature, ProtocolError."""
    content = unpack(key, frames).content
    try:
        return msgspec.convert(content, FromDaemon)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise ProtocolError(str(error)) from error


def heard_by_daemon(key: str, frames: Sequence[Data]) -> FromEngine:
    """What the engine said. Raises BadSignature, ProtocolError."""
    content = unpack(key, frames).content
    try:
        return msgspec.convert(content, FromEngine)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise ProtocolError(str(error)) from error
