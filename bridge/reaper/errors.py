"""Errors of the REAPER side. Each names the field, what was got, what is expected and what to do.

InvalidRequest (engine.errors)
└── ReaperError
    ├── ProjectRefused    a project file that is not fully understood, or a place in it that cannot take a new take
    └── InstallRefused    a resource folder, or a REAPER, into which nothing can be installed now
"""

from __future__ import annotations

from engine.errors import InvalidRequest


class ReaperError(InvalidRequest):
    """Anything about REAPER's files that the user has to change."""


class ProjectRefused(ReaperError):
    """The project is left as it is: reading or extending it might damage it."""


class InstallRefused(ReaperError):
    """Nothing was installed or changed."""
