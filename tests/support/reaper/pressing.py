"""What tests of the actions share: their names, a press with what follows, samples of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bridge.client import Client
from bridge.protocol.errors import DaemonNotRunning

TAKE = "Regenerate time selection as new take"
TRACK = "Regenerate time selection on new track"


def samples(path: str) -> np.ndarray:
    """A file's samples (n, channels), without rounding."""
    return soundfile.read(path, dtype="float64", always_2d=True)[0]


def run(session, words, *answers):
    """Press an action, answer its dialogs, wait for the end of its jobs; gives the project."""
    session.fake.answers = list(answers)
    session.fake.help_text = ""
    session.fake.tooltips = []
    session.action(words)
    session.finish()
    session.check()
    return session.project


def controls(home: Path) -> dict[str, Any]:
    """What the daemon of `home` holds for control surfaces; nothing while none runs."""
    try:
        with Client.connect(home) as client:
            return client.controls().values
    except DaemonNotRunning:
        return {}
