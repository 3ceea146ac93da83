"""Every task, by its request. A new one is a request type (`engine.requests.types`), a file here and a line below."""

from __future__ import annotations

from engine.requests import Request
from engine.tasks import (
    audio_to_audio,
    complete,
    extract,
    inpaint,
    lego,
    outpaint,
    prompt_to_audio,
    retake,
    text_to_audio,
)
from engine.tasks.task import Task

TASKS: dict[type[Request], Task] = {
    module.TASK.request: module.TASK
    for module in (
        text_to_audio,
        prompt_to_audio,
        inpaint,
        outpaint,
        audio_to_audio,
        retake,
        lego,
        extract,
        complete,
    )
}


def task_of(request: Request) -> Task:
    """The task of a request."""
    return TASKS[type(request)]
