"""The audio that a playlist plays, put together from what Ardour's script has described. Knows no Ardour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from bridge.ardour.spool import ArdourOrder, Piece
from engine.errors import InvalidRequest

Samples = NDArray[np.float32]


def source_samples(order: ArdourOrder, samples: Path) -> Samples:
    """(length, channels), float32. Raises InvalidRequest where a piece is not what the order says."""
    spare = np.fromfile(samples, "<f4") if samples.exists() else np.zeros(0, np.float32)
    wanted = sum(piece.count for pieces in order.pieces for piece in pieces if piece.kind == "samples")
    if spare.size < wanted:
        raise _damaged(str(samples), f"{spare.size} samples", f"{wanted}")
    columns = []
    for pieces in order.pieces:
        column, spare = _channel(order, pieces, spare)
        columns.append(column)
    return np.stack(columns, axis=1)  # (length, channels)


def _channel(order: ArdourOrder, pieces: Sequence[Piece], spare: Samples) -> tuple[Samples, Samples]:
    parts: list[Samples] = []
    for piece in pieces:
        if piece.kind == "samples":
            parts.append(spare[: piece.count])
            spare = spare[piece.count :]
        elif piece.kind == "silence":
            parts.append(np.zeros(piece.count, np.float32))
        else:
            parts.append(_of_file(piece, order.sample_rate))
    found = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if found.size != order.length:
        raise _damaged("pieces", f"{found.size} samples", f"{order.length}")
    return found, spare


def _of_file(piece: Piece, sample_rate: int) -> Samples:
    try:
        with soundfile.SoundFile(piece.path) as file:
            if file.samplerate != sample_rate or piece.channel >= file.channels:
                got = f"{file.samplerate} Hz, {file.channels} channel(s)"
                raise _damaged(piece.path, got, f"{sample_rate} Hz, channel {piece.channel + 1}")
            file.seek(piece.first)
            data: Samples = file.read(piece.count, dtype="float32", always_2d=True)[:, piece.channel]
    except soundfile.SoundFileError as error:
        raise _damaged(piece.path, str(error), "a file of the session") from error
    if len(data) != piece.count:
        raise _damaged(piece.path, f"{piece.first + len(data)} samples", f"{piece.first + piece.count}")
    return data


def _damaged(what: str, got: str, expected: str) -> InvalidRequest:
    return InvalidRequest("audio", f"{what}: {got}", expected, "Save the session, then run the action again.")
