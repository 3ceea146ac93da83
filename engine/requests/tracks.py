"""Names of the instruments that a model can be asked for one by one (ACE-Step 1.5's base checkpoints)."""

from __future__ import annotations

from typing import Literal, get_args

Track = Literal[
    "woodwinds",
    "brass",
    "fx",
    "synth",
    "strings",
    "percussion",
    "keyboard",
    "guitar",
    "bass",
    "drums",
    "backing_vocals",
    "vocals",
]
TRACKS: tuple[str, ...] = get_args(Track)
