"""What main memory cannot hold is refused at submit, with numbers; nothing is queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.protocol.errors import InvalidField
from tests.support.daemons import running, text
from tests.support.patience import HANG_SECONDS


def test_more_variations_than_memory_admits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACESTEP_MEMORY_LIMIT", "1.0")
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        with pytest.raises(InvalidField) as caught:
            client.submit(text(duration=240.0, variations=16))
        error = caught.value.error
        assert error.field == "variations"
        assert error.got == "16 result(s) of 184 MB each, 2.95 GB in all"
        assert error.expected == "at most 5 with 1.00 GB of free memory"
        assert client.jobs().total == 0
        assert client.submit(text(variations=2)).wait(HANG_SECONDS).state == "completed"
