"""What a daemon is told at its start. Knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bridge.engine_process.wire import DEFAULT_RENDERER
from bridge.files.fetch import UrlRules
from bridge.jobs.connection import JOURNAL_BYTES

CLIENT_QUOTA_GB = 50


@dataclass(frozen=True)
class Settings:
    """`bind` (such as tcp://192.168.1.5:49400) opens a second, encrypted way in. `model` "": chosen by what is there.

    `executor` local or ray; `cluster` Ray's address ("" for a cluster of this machine alone), `workers` how many actors
    (0: one per GPU).
    `max_attempts` counts starts of one job that ended with the engine's death; `cancel_seconds` is how long a
    cancelled job may go on before its engine is killed; `stall_seconds` how long a job may stand still without using
    the processor.
    """

    home: Path
    bind: str = ""
    model: str = ""
    device: str = "auto"
    memory: str = ""
    executor: str = "local"
    cluster: str = ""
    workers: int = 0
    warm: bool = False
    allowed_roots: tuple[Path, ...] = ()
    client_quota_bytes: int = CLIENT_QUOTA_GB * 1_000_000_000  # of audio that a client of another machine has sent
    journal_bytes: int = JOURNAL_BYTES  # room for changes of the file of jobs that is taken at the start
    urls: UrlRules = field(default_factory=UrlRules)
    renderer: str = DEFAULT_RENDERER
    log: Path | None = None
    log_level: str = ""
    max_attempts: int = 3
    cancel_seconds: float = 2.0
    start_seconds: float = 60.0
    silence_seconds: float = 120.0
    stall_seconds: float = 120.0
    keep_unused_audio_seconds: float = 7 * 86400.0
