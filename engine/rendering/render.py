"""What a render gives back, and how it becomes a file. Knows no network and no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.buffer import Audio
from engine.audio.files import AudioInfo
from engine.audio.seam_file import Output, splice_file
from engine.audio.write import write_audio
from engine.rendering.joining import Piece
from engine.rendering.source import Source

_DEPTHS = {8: "16", 16: "16", 24: "24"}


@dataclass(eq=False)
class Render:
    """One result.

    `audio` is float32 (channels, samples) at `sample_rate`; `latents` float32 (8, 16, T) of the window that the model
    made, context included. `timings` are seconds by stage (of the whole batch). `report` holds "model", "task",
    "request" (resolved), "seed", "retake_seed", "warnings", "memory", and for tasks with a source "window" and "region"
    ([start, end) in samples of the source), "regions", "changed" (regions with their fades), "offset" (position of
    `audio`'s first sample there) and "seam_report". `kept` is False for candidates that were not chosen. `source` and
    `pieces` are what `write` needs to splice a file without loss.
    """

    audio: NDArray[np.float32]
    sample_rate: int
    latents: NDArray[np.float32]
    seed: int
    retake_seed: int
    timings: dict[str, float] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    variation: int = 0
    candidate: int = 0
    kept: bool = True
    source: Source | None = None
    pieces: tuple[Piece, ...] = ()

    def write(
        self,
        path: str | os.PathLike[str],
        recipe: dict[str, Any] | None = None,
        time_reference: int | None = None,
    ) -> Path:
        """Write the result as its request says: format, rate and depth are the source's where it says nothing.

        A full-length result of a file is spliced from the file's own numbers, whatever their depth. Raises
        InvalidRequest for a format that cannot hold it, WriteError if it fails.
        """
        request = self.report["request"]
        format, bit_depth = self._format(path), request.get("bit_depth")
        info = self.source.info if self.source is not None else None
        if info is not None and self.source is not None and self._is_spliced():
            output = Output(format, bit_depth, request.get("sample_rate"), recipe, time_reference)
            made, windows = [p.made for p in self.pieces], [p.window for p in self.pieces]
            splice_file(info, made, windows, path, output, request["match_loudness"], self.source.choice)
            return Path(path)
        audio = Audio(self.audio, self.sample_rate)
        return write_audio(path, audio, format, bit_depth or source_depth(info), recipe, time_reference)

    def _format(self, path: str | os.PathLike[str]) -> str | None:
        """The request's format where the file name does not say one."""
        return None if Path(path).suffix else self.report["request"].get("format")

    def _is_spliced(self) -> bool:
        full = self.report["request"].get("output") == "full"
        return full and bool(self.pieces) and not any(piece.is_source for piece in self.pieces)


def source_depth(info: AudioInfo | None) -> str | None:
    """The depth of a source, as requests name it: None (the writer's default) where there is no such file."""
    if info is None:
        return None
    if info.integer_bits is None:
        return "32f" if info.subtype in ("FLOAT", "DOUBLE") else "24"
    return _DEPTHS.get(info.integer_bits, "32f")
