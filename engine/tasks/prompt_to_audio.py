"""prompt-to-audio as the text-to-audio request that it becomes. Knows no language model: it gets what was written."""

from __future__ import annotations

from msgspec import UNSET

from engine.requests import PromptToAudio, TextToAudio, fields_of
from engine.tasks.prompt_words import Written, write_from_prompt
from engine.tasks.task import Task


def text_request(request: PromptToAudio, written: Written | None = None) -> tuple[TextToAudio, tuple[str, ...]]:
    """The request to render, and what to tell the user. Without `written`, known words of the prompt become tags."""
    if written is None:
        written = write_from_prompt(request.prompt, request.instrumental is True)
    shared = fields_of(TextToAudio).keys() & fields_of(PromptToAudio).keys()
    values = {name: getattr(request, name) for name in shared}
    given = {name: value for name, value in values.items() if value is not UNSET}
    return TextToAudio(tags=written.tags, lyrics=written.lyrics, **given), written.warnings


TASK = Task(PromptToAudio, becomes=text_request)
