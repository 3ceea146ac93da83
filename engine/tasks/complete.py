"""Complete: the source with further instruments, from noise, with the source shown. Planned as extract."""

from __future__ import annotations

from engine.requests import Complete
from engine.tasks.extract import plan
from engine.tasks.task import Task

TASK = Task(Complete, plan, "source")
