"""Errors of the engine. Each says what was got, what is expected and what to do. Knows no torch.

EngineError
├── InvalidRequest (ValueError)    a field of a request, or the audio it names, cannot be used
├── CheckpointError                a checkpoint is missing, incomplete or of another model
├── NotFinite                      the model itself gave NaN or infinity: no fault of the request
├── EffectFailed                   an effect crashed, hung or gave no audio
├── OutOfMemory                    every memory mode was tried; numbers are in the message
└── Cancelled                      the caller's cancel event was set
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EngineError(Exception):
    """Any failure of the engine that has a message for a person."""


class InvalidRequest(EngineError, ValueError):
    """A request that cannot be rendered. `field` is the request's field; `got`, `expected`, `remedy` are sentences."""

    def __init__(self, field: str, got: str, expected: str, remedy: str) -> None:
        super().__init__(field, got, expected, remedy)
        self.field = field
        self.got = got
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.field}: got {self.got}, expected {self.expected}. {self.remedy}"


@contextmanager
def about(field: str) -> Iterator[None]:
    """What is found wrong with audio in here is said of this field, not of `audio`."""
    try:
        yield
    except InvalidRequest as error:
        if error.field != "audio":
            raise
        raise InvalidRequest(field, error.got, error.expected, error.remedy) from error


class CheckpointError(EngineError):
    """A checkpoint folder or file that cannot be loaded."""


class NotFinite(EngineError):
    """The model gave values that are no numbers: its weights or a LoRA are damaged, or its number format is too small.

    `stage` is what made them: denoise or decode.
    """

    def __init__(self, stage: str) -> None:
        remedy = "Pull the model again, leave out LoRAs, or choose another seed or less guidance."
        super().__init__(f"The model gave values that are no numbers (NaN) in {stage}. {remedy}")
        self.stage, self.remedy = stage, remedy


class EffectFailed(EngineError):
    """An effect of a chain that crashed, took too long or gave no usable audio. The message names it."""


class OutOfMemory(EngineError):
    """No memory mode fits. The message holds what was needed and what was free."""


class Cancelled(EngineError):
    """The render was cancelled through its `cancel` event."""
