"""Writing audio files: wav 8 to 64 bit, flac, mp3, ogg. Whole or not at all, and equal bytes for equal input."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.atomic import WriteError, replacing, reserve
from engine.audio import exact, ogg
from engine.audio.buffer import Audio
from engine.audio.carried import id3, vorbis
from engine.audio.carried.model import Move
from engine.audio.files import AudioInfo
from engine.audio.metadata import COMMENT_PREFIX, encode_recipe, read_recipe
from engine.audio.paths import for_soundfile
from engine.audio.wave_writer import FileSpec, WaveWriter
from engine.errors import InvalidRequest

__all__ = ["FileSpec", "WriteError", "read_recipe", "spec_like", "write_audio", "write_chunks"]

FORMATS = ("wav", "flac", "mp3", "ogg")
_DEPTHS = {"8": "PCM_U8", "16": "PCM_16", "24": "PCM_24", "32": "PCM_32", "32f": "FLOAT", "64f": "DOUBLE"}
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_SUFFIXES = {
    ".wav": "wav",
    ".wave": "wav",
    ".flac": "flac",
    ".mp3": "mp3",
    ".ogg": "ogg",
    ".aif": "aiff",
    ".aiff": "aiff",
}
_CHUNK_FRAMES = 65536  # libsndfile's Vorbis encoder overflows its stack on much longer ones
_FULL_DISK_BYTES = 1 << 20


def write_audio(
    path: str | os.PathLike[str],
    audio: Audio,
    format: str | None = None,
    bit_depth: str | None = None,
    recipe: dict[str, Any] | None = None,
    time_reference: int | None = None,
) -> Path:
    """Writes `audio` at its own rate. The format is the file name's unless given, else wav; 24 bit by default.

    `bit_depth` is "16", "24", "32f" (also "8", "32", "64f" for wav). Integers of 16 bits and fewer are dithered,
    digital silence is not. Raises InvalidRequest for a format that cannot hold it, WriteError if it fails.
    """
    spec = spec_for(path, audio, format, bit_depth, recipe, time_reference)
    return write_as(path, audio, spec)


def write_as(path: str | os.PathLike[str], audio: Audio, spec: FileSpec) -> Path:
    """Writes `audio` as `spec` says, rounded to its depth. Raises WriteError if it fails."""
    return write_chunks(path, spec, _quantised(audio, spec))


def spec_for(
    path: str | os.PathLike[str],
    audio: Audio,
    format: str | None = None,
    bit_depth: str | None = None,
    recipe: dict[str, Any] | None = None,
    time_reference: int | None = None,
) -> FileSpec:
    """What `write_audio` would write."""
    container = _container(path, format)
    subtype = _subtype(container, _DEPTHS[_check_depth(bit_depth or "24")])
    rate = audio.sample_rate
    return FileSpec(container, subtype, rate, audio.channels, audio.frames, recipe, time_reference)


def spec_like(
    info: AudioInfo,
    path: str | os.PathLike[str],
    frames: int,
    channels: int,
    format: str | None = None,
    bit_depth: str | None = None,
) -> FileSpec:
    """A file at the source's rate and depth (unless given): its integers stay integers, lossy ones become 32f WAV."""
    container = _container(path, format)
    subtype = _DEPTHS[_check_depth(bit_depth)] if bit_depth else _own_subtype(info)
    return FileSpec(container, _subtype(container, subtype), info.sample_rate, channels, frames)


def _own_subtype(info: AudioInfo) -> str:
    if info.integer_bits:
        return _DEPTHS[str(info.integer_bits)]
    return "DOUBLE" if info.subtype == "DOUBLE" else "FLOAT"


def _container(path: str | os.PathLike[str], format: str | None) -> str:
    name = format or _SUFFIXES.get(Path(path).suffix.lower(), "wav")
    if name not in FORMATS:
        raise InvalidRequest("format", repr(name), "one of " + ", ".join(FORMATS), "Choose one of these.")
    return name.upper()


def _check_depth(bit_depth: str) -> str:
    if bit_depth not in _DEPTHS:
        raise InvalidRequest("bit_depth", repr(bit_depth), "one of " + ", ".join(_DEPTHS), "Choose one of these.")
    return bit_depth


def _subtype(container: str, wanted: str) -> str:
    """The nearest subtype that the container can hold."""
    if container == "WAV":
        return wanted
    if container == "MP3":
        return "MPEG_LAYER_III"
    if container == "OGG":
        return "VORBIS"
    if wanted == "PCM_U8":
        return "PCM_S8"
    return "PCM_24" if wanted in ("PCM_32", "FLOAT", "DOUBLE") else wanted


def _quantised(audio: Audio, spec: FileSpec) -> Iterator[NDArray[Any]]:
    for start in range(0, audio.frames, _CHUNK_FRAMES):
        part = audio.samples[:, start : start + _CHUNK_FRAMES]
        yield exact.from_float(part, spec.exact_type, spec.integer_bits, start)


def write_chunks(path: str | os.PathLike[str], spec: FileSpec, chunks: Iterable[NDArray[Any]]) -> Path:
    """Writes (channels, n) arrays of the type `spec.exact_type`, one after the other, whole or not at all."""
    with replacing(path) as temporary:
        if spec.container == "WAV":
            _write_wave(temporary, spec, chunks)
        else:
            _write_soundfile(temporary, spec, chunks)
    return Path(path)


def _write_wave(temporary: Path, spec: FileSpec, chunks: Iterable[NDArray[Any]]) -> None:
    with temporary.open("wb") as file:
        writer = WaveWriter(file, spec)
        reserve(file, writer.file_bytes)
        for chunk in chunks:
            writer.write(chunk)
        writer.finish()


def _write_soundfile(temporary: Path, spec: FileSpec, chunks: Iterable[NDArray[Any]]) -> None:
    _check_mp3_rate(spec)
    try:
        with (
            for_soundfile(temporary, "w+b") as name,
            soundfile.SoundFile(
                name, "w", spec.sample_rate, spec.channels, spec.subtype, format=spec.container
            ) as file,
        ):
            for chunk in chunks:
                for start in range(0, chunk.shape[1], _CHUNK_FRAMES):
                    file.write(np.ascontiguousarray(chunk[:, start : start + _CHUNK_FRAMES].T))
    except soundfile.LibsndfileError as error:
        raise _failed(temporary, error) from error
    _write_texts(temporary, spec)


def _write_texts(temporary: Path, spec: FileSpec) -> None:
    """Recipe, place and what the source carried, into a flac, ogg or mp3 just written."""
    recipe = None if spec.recipe is None else COMMENT_PREFIX + encode_recipe(spec.recipe)
    place = spec.time_reference or 0
    move = spec.move or Move(place, spec.frames, spec.sample_rate, spec.frames, spec.sample_rate)
    if spec.container == "MP3":
        tag = id3.built(spec.carried, move, recipe)
        return id3.put_before(temporary, tag) if tag else None
    tags = vorbis.moved(spec.carried, move, recipe)
    if spec.container == "FLAC":
        return vorbis.write_flac(temporary, tags, spec.carried.pictures) if tags or spec.carried.pictures else None
    tags += vorbis.packed_pictures(spec.carried.pictures)
    return ogg.finish(temporary, vorbis.built(tags) if tags else None)


def _check_mp3_rate(spec: FileSpec) -> None:
    if spec.container == "MP3" and spec.sample_rate not in _MP3_RATES:
        raise InvalidRequest(
            "sample_rate",
            f"{spec.sample_rate} Hz for mp3",
            "at most 48000 Hz",
            "Give sample_rate 48000 or another format.",
        )


def _failed(temporary: Path, error: soundfile.LibsndfileError) -> WriteError:
    if shutil.disk_usage(temporary.parent).free < _FULL_DISK_BYTES:
        return WriteError(f"cannot write into {temporary.parent}: the disk is full. Free some space and run it again.")
    return WriteError(f"cannot write into {temporary.parent}: {error}")
