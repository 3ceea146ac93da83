"""One daemon with the tiny checkpoint for all files here, since its engine takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_material import running_daemon


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a daemon that runs until the last test."""
    with running_daemon(tmp_path_factory.mktemp("daemon")) as home:
        yield home
