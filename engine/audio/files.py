"""Reading audio files: what is in them, and any range of their samples. Knows no model and writes nothing.

soundfile (libsndfile) reads wav, flac, aiff, ogg and mp3; pedalboard reads what libsndfile cannot. `read` gives
float32 for the model; `read_exact` the file's own numbers, for everything that must come back unchanged.
Every failure is an InvalidRequest on the field "audio" with its own message.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.audio import completeness
from engine.audio.buffer import MAX_CHANNELS, Audio, too_many_channels
from engine.audio.paths import name_or_content, system_name
from engine.errors import InvalidRequest

MIN_RATE, MAX_RATE = 8000, 192000
_PEDALBOARD = "PEDALBOARD"
_INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_SIXTEEN_BIT_CODECS = ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")
Exact = NDArray[np.int32] | NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class AudioInfo:
    """What a file holds. `format` and `subtype` are libsndfile's names, such as WAV and PCM_24."""

    path: Path
    frames: int
    sample_rate: int
    channels: int
    format: str
    subtype: str

    @property
    def duration_seconds(self) -> float:
        return self.frames / self.sample_rate

    @property
    def integer_bits(self) -> int | None:
        """Bits of its integer samples; None for float and lossy files."""
        if self.subtype in _SIXTEEN_BIT_CODECS:
            return 16
        return _INTEGER_BITS.get(self.subtype)

    @property
    def exact_type(self) -> np.dtype[Any]:
        """The type in which `read_exact` gives its samples without loss."""
        if self.integer_bits:
            return np.dtype(np.int32)
        return np.dtype(np.float64 if self.subtype == "DOUBLE" else np.float32)


def probe(path: str | os.PathLike[str]) -> AudioInfo:
    """What the file holds, without reading its samples. Raises InvalidRequest if it cannot be used at all."""
    file = Path(path)
    _check_readable(file)
    completeness.check(file)
    info = _probe_soundfile(file) or _probe_pedalboard(file)
    if info is None:
        raise _damaged(file, "its header is audio, the rest is not") if _looks_like_audio(file) else _not_audio(file)
    if info.frames <= 0:
        raise _error(f"{file.name}, which holds 0 samples", "at least one sample", "Choose audio that is not empty.")
    if not MIN_RATE <= info.sample_rate <= MAX_RATE:
        raise _error(
            f"{file.name} at {info.sample_rate} Hz",
            f"a sample rate from {MIN_RATE} to {MAX_RATE} Hz",
            "Convert it to 44100 or 48000 Hz.",
        )
    if info.format == "FLAC":
        _check_last_sample(info)
    return info


def read(
    path: str | os.PathLike[str],
    start: int = 0,
    stop: int | None = None,
    channels: Sequence[int] | None = None,
) -> Audio:
    """Samples [start, stop) as float32. Only that range is read. `channels` chooses one or two, counted from 0."""
    info = probe(path)
    samples = _read_range(info, *_range(info, start, stop), dtype="float32")
    return Audio(np.ascontiguousarray(_choose(samples, channels)), info.sample_rate)


def read_exact(
    path: str | os.PathLike[str] | AudioInfo,
    start: int = 0,
    stop: int | None = None,
    channels: Sequence[int] | None = None,
) -> Exact:
    """The file's own numbers in [start, stop): (channels, n), int32 left-justified for integer samples.

    Float files give float32 or float64, lossy files what their decoder gives in float32.
    """
    info = path if isinstance(path, AudioInfo) else probe(path)
    samples = _read_range(info, *_range(info, start, stop), dtype=info.exact_type.name)
    return np.ascontiguousarray(_choose(samples, channels))


def check_channels(info: AudioInfo, channels: Sequence[int] | None) -> int:
    """How many channels a reader with this choice gives. Raises InvalidRequest for a wrong or a missing choice."""
    if channels is None:
        if info.channels > MAX_CHANNELS:
            raise too_many_channels(info.channels)
        return info.channels
    _check_choice(info.channels, channels)
    return len(channels)


def _choose(samples: NDArray[Any], channels: Sequence[int] | None) -> NDArray[Any]:
    """(channels, n) with the chosen channels only."""
    if channels is None:
        if samples.shape[0] > MAX_CHANNELS:
            raise too_many_channels(samples.shape[0])
        return samples
    _check_choice(samples.shape[0], channels)
    return samples[list(channels)]


def _check_choice(count: int, channels: Sequence[int]) -> None:
    if not 1 <= len(channels) <= MAX_CHANNELS or any(not 0 <= c < count for c in channels):
        raise InvalidRequest(
            "channels",
            f"{[c + 1 for c in channels]} of {count}",
            f"one or two numbers from 1 to {count}",
            "Name channels that the file has, for example [1, 2].",
        )


def _range(info: AudioInfo, start: int, stop: int | None) -> tuple[int, int]:
    last = info.frames if stop is None else stop
    if not 0 <= start <= last <= info.frames:
        raise _error(
            f"the samples {start} to {last} of {info.path.name}",
            f"a range inside its {info.frames} samples",
            "Choose a range inside the file.",
        )
    return start, last


def _read_range(info: AudioInfo, start: int, stop: int, dtype: str) -> NDArray[Any]:
    """(channels, stop - start)."""
    if info.format == _PEDALBOARD:
        return _read_pedalboard(info, start, stop)
    try:
        with soundfile.SoundFile(system_name(info.path)) as file:
            samples = _decode(file, start, stop, dtype)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _damaged(info.path, str(error)) from error
    if samples.shape[1] != stop - start:
        raise _damaged(info.path, f"samples {start + samples.shape[1]} to {stop} are missing")
    return samples


def _decode(file: soundfile.SoundFile, start: int, stop: int, dtype: str) -> NDArray[Any]:
    """(channels, up to stop - start). MP3 is decoded from its beginning: a seek there may give silence instead."""
    if file.format == "MP3":
        return file.read(stop, dtype=dtype, always_2d=True).T[:, start:]
    file.seek(start)
    return file.read(stop - start, dtype=dtype, always_2d=True).T


def _probe_soundfile(file: Path) -> AudioInfo | None:
    try:
        with soundfile.SoundFile(system_name(file)) as opened:
            return AudioInfo(file, opened.frames, opened.samplerate, opened.channels, opened.format, opened.subtype)
    except (soundfile.LibsndfileError, TypeError):
        return None


def _probe_pedalboard(file: Path) -> AudioInfo | None:
    from pedalboard.io import AudioFile  # a large import, wanted only for rare formats

    try:
        with AudioFile(name_or_content(file)) as opened:
            return AudioInfo(file, opened.frames, round(opened.samplerate), opened.num_channels, _PEDALBOARD, "FLOAT")
    except (ValueError, RuntimeError, OSError):
        return None


def _read_pedalboard(info: AudioInfo, start: int, stop: int) -> NDArray[np.float32]:
    from pedalboard.io import AudioFile

    with AudioFile(name_or_content(info.path)) as opened:
        opened.seek(start)
        samples = opened.read(stop - start)
    if samples.shape[1] != stop - start:
        raise _damaged(info.path, f"samples {start + samples.shape[1]} to {stop} are missing")
    return np.asarray(samples, dtype=np.float32)


def _check_last_sample(info: AudioInfo) -> None:
    """A FLAC file cut short still opens with its full length; its last sample cannot be read."""
    _read_range(info, info.frames - 1, info.frames, "int32")


def _check_readable(file: Path) -> None:
    if not file.exists():
        raise _error(f"{file}, which does not exist", "a file that exists", "Check the path and its spelling.")
    if not file.is_file():
        raise _error(f"{file}, which is a folder or a device", "an audio file", "Name a file inside it.")
    try:
        with file.open("rb") as opened:
            first = opened.read(1)
    except OSError as error:
        raise _error(
            f"{file}, which cannot be read ({error.strerror})",
            "a file that you may read",
            "Change its permissions, close programs that hold it, or copy it elsewhere.",
        ) from error
    if not first:
        raise _error(f"{file.name}, which is empty (0 bytes)", "an audio file", "Export or copy the audio again.")


def _looks_like_audio(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) in (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS")


def _not_audio(file: Path) -> InvalidRequest:
    return _error(
        f"{file.name}, which is not audio that can be read here",
        "a wav, flac, aiff, ogg or mp3 file",
        "Convert it to WAV first.",
    )


def _damaged(file: Path, what: str) -> InvalidRequest:
    return _error(
        f"{file.name}, which is damaged or truncated: {what}",
        "a complete audio file",
        "Export or copy the audio again.",
    )


def _error(got: str, expected: str, remedy: str) -> InvalidRequest:
    return InvalidRequest("audio", got, expected, remedy)


class ExactReader:
    """Reads a file's own numbers range after range with the file open once; an MP3 decoded once. A context manager."""

    def __init__(self, info: AudioInfo, channels: Sequence[int] | None = None) -> None:
        self.info = info
        self.channels = check_channels(info, channels)
        self._choice = channels
        self._file: soundfile.SoundFile | None = None
        self._decoded: NDArray[Any] | None = None

    def __enter__(self) -> ExactReader:
        if self.info.format == "MP3":
            self._decoded = read_exact(self.info, channels=self._choice)
        elif self.info.format != _PEDALBOARD:
            self._file = soundfile.SoundFile(system_name(self.info.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._decoded = None
        if self._file is not None:
            self._file.close()

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """(channels, stop - start) in the type `info.exact_type`. Raises InvalidRequest for missing samples."""
        if self._decoded is not None:
            return self._decoded[:, start:stop]
        if self._file is None:
            return _choose(_read_pedalboard(self.info, start, stop), self._choice)
        samples = _decode(self._file, start, stop, self.info.exact_type.name)
        if samples.shape[1] != stop - start:
            raise _damaged(self.info.path, f"samples {start + samples.shape[1]} to {stop} are missing")
        return _choose(samples, self._choice)
