"""The errors a client sees, under one name. The tree is drawn in `bridge.protocol.errors`."""

from __future__ import annotations

from bridge.protocol.errors import (
    BadSignature,
    BridgeError,
    DaemonLost,
    DaemonNotRunning,
    ErrorContent,
    InvalidField,
    JobCancelled,
    JobFailed,
    KeyFileError,
    NotFinished,
    ProtocolError,
    RequestFailed,
    UnknownThing,
    content_of,
)

__all__ = [
    "BadSignature",
    "BridgeError",
    "DaemonLost",
    "DaemonNotRunning",
    "ErrorContent",
    "InvalidField",
    "JobCancelled",
    "JobFailed",
    "KeyFileError",
    "NotFinished",
    "ProtocolError",
    "RequestFailed",
    "UnknownThing",
    "content_of",
]
