"""Which version of this package runs."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache  # reading it takes milliseconds, and every hello tells it
def package_version() -> str:
    """Of the distribution; "0" when it is not installed."""
    try:
        return metadata.version("acestep-bridge")
    except metadata.PackageNotFoundError:
        return "0"
