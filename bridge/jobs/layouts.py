"""The layouts of the file of jobs, `schema_1.sql`, `schema_2.sql`, ..., each applied once. Knows no job."""

from __future__ import annotations

from importlib import resources

from bridge.jobs.connection import Connection
from bridge.protocol.errors import StoreError

SCHEMA_VERSION = 3


def check_version(base: Connection) -> int:
    """The layout of a file. Raises StoreError for one of a newer version."""
    version = base.number("PRAGMA user_version")
    if version > SCHEMA_VERSION:
        raise StoreError(f"The job store is of a newer version ({version}). Update acestep-bridge.")
    return version


def migrate(base: Connection) -> None:
    """Take a file from its layout to the present one, a step at a time; each step happens whole or not at all."""
    for number in range(check_version(base) + 1, SCHEMA_VERSION + 1):
        layout = resources.files("bridge.jobs").joinpath(f"schema_{number}.sql").read_text("utf-8")
        base.script(f"BEGIN;\n{layout}\nPRAGMA user_version = {number};\nCOMMIT;")
