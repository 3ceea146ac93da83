"""One daemon and one gateway for a file of tests; both are real processes."""

from __future__ import annotations

import pytest

from tests.support.daemons import running
from tests.support.gateway import gateway_running
from tests.support.renderers import NOISE


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway") / "home"
    with running(folder, renderer=NOISE):
        yield folder


@pytest.fixture(scope="module")
def gateway(home):
    music = home.parent / "music"  # the one folder whose files callers may name
    music.mkdir()
    with gateway_running(home, "--origin", "http://page.example", "--root", str(music)) as process:
        yield process
