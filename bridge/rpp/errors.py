"""Errors about project files. Each names the field, what was got, what is expected and what to do."""

from __future__ import annotations

from engine.errors import InvalidRequest


class ProjectRefused(InvalidRequest):
    """The project is left as it is: reading or extending it might damage it."""
