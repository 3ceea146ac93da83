"""Tags and lyrics from a prompt, written by a language model of the user's own."""

from __future__ import annotations

from bridge.prompts.endpoint import (
    Endpoint,
    PromptError,
    endpoint_from_environment,
    write_with_endpoint,
    written_out,
)

__all__ = ["Endpoint", "PromptError", "endpoint_from_environment", "write_with_endpoint", "written_out"]
