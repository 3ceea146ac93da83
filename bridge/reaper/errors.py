"""Errors of the REAPER side. Each names the field, what was got, what is expected and what to do."""

from __future__ import annotations

from engine.errors import InvalidRequest


class ReaperError(InvalidRequest):
    """Anything about the scripts' package for REAPER that its maker has to change."""
