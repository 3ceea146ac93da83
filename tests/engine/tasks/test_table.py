"""Every request has its task, and each task can be rendered or becomes another that can."""

from __future__ import annotations

from engine.rendering.pipeline import FINISHES
from engine.requests import TASKS, PromptToAudio, TextToAudio
from engine.requests.extent import EXTENTS
from engine.tasks.table import TASKS as TABLE
from engine.tasks.table import task_of


def test_every_request_has_a_task_and_an_extent() -> None:
    assert {task.name for task in TABLE.values()} == set(TASKS)
    assert all(request.covers in EXTENTS for request in TASKS.values())
    assert all(task.finish in FINISHES for task in TABLE.values())


def test_a_prompt_becomes_a_request_that_is_rendered() -> None:
    task = task_of(PromptToAudio(prompt="calm piano"))
    assert task.becomes is not None
    request, told = task.becomes(PromptToAudio(prompt="calm piano"))
    assert isinstance(request, TextToAudio) and task_of(request).becomes is None and told
