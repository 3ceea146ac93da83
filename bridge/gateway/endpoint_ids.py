"""The public names of the tasks: `fal-ai/ace-step/audio-inpaint` and its kin. Knows no HTTP."""

from __future__ import annotations

from engine.requests import TASKS

APP = "fal-ai/ace-step"
_OF_THE_SERVICE = {
    APP: "text-to-audio",
    f"{APP}/text-to-audio": "text-to-audio",
    f"{APP}/prompt-to-audio": "prompt-to-audio",
    f"{APP}/audio-to-audio": "audio-to-audio",
    f"{APP}/audio-inpaint": "inpaint",
    f"{APP}/audio-outpaint": "outpaint",
}
_OURS = {f"{APP}/{task}": task for task in TASKS if task not in _OF_THE_SERVICE.values()}
TASK_OF = {**_OF_THE_SERVICE, **_OURS}
DOCUMENTED = tuple(name for name in TASK_OF if name != f"{APP}/text-to-audio")
"""One name a task; the other one of text-to-audio is an alias."""


def task_of(endpoint: str) -> str | None:
    """The task of an endpoint id; None for one that is not here."""
    return TASK_OF.get(endpoint.strip("/"))
