"""Items in batches on the CPU, as they are made on a GPU."""

from __future__ import annotations

import pytest

from engine import model
from engine.memory import placement
from engine.memory.plan import MODES


def batches_as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on in this test, models are made with the modes of a GPU."""
    for module in (model, placement):
        monkeypatch.setattr(module, "modes_on", lambda device: MODES)
