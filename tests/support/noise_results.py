"""Results as the pipeline makes them, with noise for music: no model is needed. No tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from engine.audio.seam import Made
from engine.audio.window import Window
from engine.rendering.joining import Joined, Joiner, Piece, single_regions
from engine.rendering.render import Render
from engine.rendering.source import open_source

RATE = 48000


def noise_file(path: Path, kind: tuple[str, str], channels: int = 2, frames: int = 300000) -> Path:
    numbers = np.random.default_rng(5).uniform(-1, 1, (frames, channels))
    soundfile.write(path, numbers, RATE, format=kind[0], subtype=kind[1])
    return path


def joined(path: Path, windows: tuple[Window, ...], clip: bool = False, choice: list[int] | None = None) -> Joined:
    source, rng = open_source(path, choice), np.random.default_rng(1)
    pieces = []
    for window in windows:
        for part in single_regions(window):
            region = part.regions[0]
            new = rng.uniform(-0.5, 0.5, (2, region.fade_end - region.fade_start)).astype(np.float32)
            pieces.append(Piece(Made(new, region.fade_start), part))
    return Joiner(source, windows, False, clip).join(pieces)


def render(path: Path, windows: tuple[Window, ...], clip: bool = False, **fields: Any) -> Render:
    """A result as `run.py` makes it, with noise for music."""
    made = joined(path, windows, clip, fields.get("channels"))
    changed = [[r.fade_start, r.fade_end] for w in windows for r in w.regions]
    report = {"request": fields, "changed": changed, "offset": made.offset, "recipe": {"seed": 3}}
    source = open_source(path, fields.get("channels"))
    return Render(made.audio, RATE, np.zeros((8, 16, 1), np.float32), 3, 4, {}, report, source=source)
