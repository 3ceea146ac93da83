"""Errors of the REAPER side. Each names the field, what was got, what is expected and what to do.

InvalidRequest (engine.errors)
└── ReaperError
    └── InstallRefused    a resource folder, or a REAPER, into which nothing can be installed now
"""

from __future__ import annotations

from engine.errors import InvalidRequest


class ReaperError(InvalidRequest):
    """Anything about REAPER's files that the user has to change."""


class InstallRefused(ReaperError):
    """Nothing was installed or changed."""
