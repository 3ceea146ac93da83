"""The public names of the tasks: `fal-ai/ace-step/audio-inpaint` and its kin. Knows no HTTP."""

from __future__ import annotations

APP = "fal-ai/ace-step"
TASK_OF = {
    APP: "text-to-audio",
    f"{APP}/text-to-audio": "text-to-audio",
    f"{APP}/prompt-to-audio": "prompt-to-audio",
    f"{APP}/audio-to-audio": "audio-to-audio",
    f"{APP}/audio-inpaint": "inpaint",
    f"{APP}/audio-outpaint": "outpaint",
    f"{APP}/retake": "retake",  # ours, as are those below
    f"{APP}/lego": "lego",
    f"{APP}/extract": "extract",
    f"{APP}/complete": "complete",
}
DOCUMENTED = tuple(name for name in TASK_OF if name != f"{APP}/text-to-audio")
"""One name a task; the other one of text-to-audio is an alias."""


def task_of(endpoint: str) -> str | None:
    """The task of an endpoint id; None for one that is not here."""
    return TASK_OF.get(endpoint.strip("/"))
