"""The error of an installation. It names the field, what was got, what is expected and what to do."""

from __future__ import annotations

from engine.errors import InvalidRequest


class InstallRefused(InvalidRequest):
    """A folder, or a DAW, into which nothing can be installed now. Nothing was installed or changed."""
