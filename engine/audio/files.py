"""Reading audio files: what is in them, and any range of their samples. Knows no model and writes nothing.

`probe` decides once what a file is and who reads it; everything else follows. libsndfile reads wav, w64, flac, aiff,
au, caf, ogg, opus and mp3, through a repaired header where the file's own is wrong (`engine.audio.containers`); ffmpeg
or the system's reader decode the rest (`engine.audio.decoding`). `read` gives float32 for the model; `read_exact` the
file's own numbers, for everything that must come back unchanged.
Every failure is an InvalidRequest on the field "audio" with its own message.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.audio import decoding
from engine.audio.buffer import MAX_CHANNELS, Audio, too_many_channels
from engine.audio.containers import flac, kinds, ogg
from engine.audio.containers.layout import Layout, difference
from engine.audio.containers.segments import SegmentedFile, Segments
from engine.audio.file_errors import audio_error, check_readable, damaged, not_audio
from engine.audio.file_link import FileLink
from engine.audio.paths import for_soundfile
from engine.errors import InvalidRequest

MIN_RATE, MAX_RATE = 8000, 192000
_INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_SIXTEEN_BIT_CODECS = ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")
_ALAC_BITS = {"ALAC_16": 16, "ALAC_20": 24, "ALAC_24": 24, "ALAC_32": 32}
_EXAMINED = ("WAV", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3")
_NO_CLAIM = ("IRCAM", "PVF")
_REMEMBERED = 16
_FORWARDS_ONLY = ("MP3", "OGG")
Exact = NDArray[np.int32] | NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class Content:
    """Where the samples are read: a file, whole or in `links` (views of it, `frames` each, one after the other)."""

    path: Path
    links: tuple[Segments, ...] = ()
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class AudioInfo:
    """What a file holds. `format` and `subtype` are libsndfile's names, such as WAV and PCM_24, where it has one.

    `reader` says who reads it, `notes` what was found wrong and mended, for the user.
    """

    path: Path
    frames: int
    sample_rate: int
    channels: int
    format: str
    subtype: str
    content: Content | None = None
    reader: str = "libsndfile"
    notes: tuple[str, ...] = field(default=())

    @property
    def duration_seconds(self) -> float:
        return self.frames / self.sample_rate

    @property
    def integer_bits(self) -> int | None:
        """Bits of its integer samples; None for float and lossy files."""
        if self.subtype in _SIXTEEN_BIT_CODECS:
            return 16
        return _INTEGER_BITS.get(self.subtype) or _ALAC_BITS.get(self.subtype)

    @property
    def exact_type(self) -> np.dtype[Any]:
        """The type in which `read_exact` gives its samples without loss."""
        if self.integer_bits:
            return np.dtype(np.int32)
        return np.dtype(np.float64 if self.subtype == "DOUBLE" else np.float32)


_Key = tuple[str, int, int, int, int]
_probed: OrderedDict[_Key, AudioInfo] = OrderedDict()


def probe(path: str | os.PathLike[str]) -> AudioInfo:
    """What the file holds, and who reads it. Raises InvalidRequest if it cannot be used at all."""
    file = Path(path)
    check_readable(file)
    state = file.stat()
    key = (str(path), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    known = _probed.get(key)
    if known is not None and (known.content is None or known.content.path.exists()):
        return known
    info = _probe(file)
    _check_usable(info)
    _probed[key] = info
    while len(_probed) > _REMEMBERED:
        _probed.popitem(last=False)
    return info


def _probe(file: Path) -> AudioInfo:
    layout = kinds.examine(file)
    info = _through_libsndfile(file, layout)
    if info is None:
        info = _through_another(file, layout)
    if info.format == "FLAC":
        _check_last_sample(info)
    return info


def _check_usable(info: AudioInfo) -> None:
    name = info.path.name
    if info.frames <= 0:
        raise audio_error(f"{name}, which holds 0 samples", "at least one sample", "Choose audio that is not empty.")
    if not MIN_RATE <= info.sample_rate <= MAX_RATE:
        raise audio_error(
            f"{name} at {info.sample_rate} Hz",
            f"a sample rate from {MIN_RATE} to {MAX_RATE} Hz",
            "Convert it to 44100 or 48000 Hz.",
        )


def _through_libsndfile(file: Path, layout: Layout) -> AudioInfo | None:
    """As libsndfile reads it, by the file's own header where that is right, else by a repaired one."""
    if layout.kind == "FLAC" and _flac(file).bits not in flac.READABLE_BITS:
        return None
    plain = None if layout.must_repair else _opened(file, None)
    if plain is not None and _agrees(plain.frames, layout):
        return _counted(plain, layout) if layout.kind in _EXAMINED else _rare(plain)
    if not layout.repaired:
        return None
    return _repaired(file, layout)


def _counted(info: AudioInfo, layout: Layout) -> AudioInfo:
    """With the length that was counted, where that is exact and the decoder only guesses."""
    frames = layout.frames if layout.is_counted and layout.frames is not None else info.frames
    return replace(info, frames=min(frames, info.frames), notes=layout.notes)


def _agrees(frames: int, layout: Layout) -> bool:
    return layout.frames is None or abs(frames - layout.frames) <= layout.tolerance


def _repaired(file: Path, layout: Layout) -> AudioInfo | None:
    found = [_opened(file, segments) for segments in layout.repaired]
    first = found[0]
    if first is None:
        return None
    parts = [one for one in found if one is not None]
    same = {(one.sample_rate, one.channels, one.subtype) for one in parts}
    if len(parts) < len(found) or len(same) > 1:
        raise ogg.changes(file.name)
    counts = tuple(one.frames for one in parts)
    if not _agrees(sum(counts), layout):
        return None
    content = Content(file, layout.repaired, counts)
    if layout.is_counted:
        return replace(_counted(first, layout), content=replace(content, frames=()))
    notes = layout.notes or _plain_notes(file, sum(counts), layout)
    return replace(first, frames=sum(counts), content=content, notes=notes)


def _plain_notes(file: Path, frames: int, layout: Layout) -> tuple[str, ...]:
    """What the file's own header would have given, where that is another length."""
    plain = _opened(file, None)
    if plain is None or (layout.kind == "MP3" and abs(plain.frames - frames) <= layout.tolerance):
        return ()
    return () if plain.frames == frames else (difference(f"{plain.frames} samples", f"{frames}"),)


def _opened(file: Path, segments: Segments | None) -> AudioInfo | None:
    try:
        with contextlib.ExitStack() as stack:
            named = for_soundfile(file) if segments is None else SegmentedFile(file, segments)
            source = stack.enter_context(named)
            opened = stack.enter_context(soundfile.SoundFile(source))
            return AudioInfo(file, opened.frames, opened.samplerate, opened.channels, opened.format, opened.subtype)
    except (soundfile.LibsndfileError, TypeError):
        return None


def _rare(info: AudioInfo) -> AudioInfo:
    """A container that is not examined. Those whose samples go to the end of the file claim nothing; others do."""
    if info.format not in _NO_CLAIM:
        raise audio_error(
            f"{info.path.name}, a file of the kind {info.format}, whose length cannot be checked here",
            "a wav, flac, aiff, ogg or mp3 file",
            f"Convert it to WAV: ffmpeg -i {info.path.name} song.wav",
        )
    return info


def _flac(file: Path) -> flac.StreamInfo:
    found = kinds.flac_info(file)
    assert found is not None
    return found


def _through_another(file: Path, layout: Layout) -> AudioInfo:
    """As ffmpeg or the system's reader decodes it."""
    if not layout.kind:
        raise not_audio(file)
    stream = _flac(file) if layout.kind == "FLAC" else None
    decoded = decoding.decode(file, layout, stream.bits if stream else None, stream.md5 if stream else b"")
    opened = _opened(decoded.path, None)
    if opened is None:
        raise damaged(file, "what was decoded cannot be read")
    subtype = decoded.subtype
    form = layout.kind or decoded.codec
    content = Content(decoded.path)
    info = replace(opened, path=file, format=form, subtype=subtype, content=content, reader=decoded.reader)
    return replace(info, notes=(f"it was read by {decoded.reader}",))


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


def blocks_of(info: AudioInfo, start: int, stop: int, frames: int) -> Iterator[NDArray[Any]]:
    """All channels of [start, stop), (channels, up to `frames`) each, as float32 or float64. The file stays open."""
    kind = "float64" if info.subtype == "DOUBLE" else "float32"
    with ExactReader(info, range(info.channels)) as reader:
        for at in range(start, stop, frames):
            yield reader.read_as(at, min(at + frames, stop), kind)


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
        raise audio_error(
            f"the samples {start} to {last} of {info.path.name}",
            f"a range inside its {info.frames} samples",
            "Choose a range inside the file.",
        )
    return start, last


def _read_range(info: AudioInfo, start: int, stop: int, dtype: str) -> NDArray[Any]:
    """(channels, stop - start)."""
    with ExactReader(info, range(info.channels)) as reader:
        return reader.read_as(start, stop, dtype)


def _check_last_sample(info: AudioInfo) -> None:
    """A FLAC file cut short still opens with its full length; its last sample cannot be read."""
    if info.frames > 0:
        _read_range(info, info.frames - 1, info.frames, "int32")


class ExactReader:
    """Reads a file's own numbers range after range with the file open once. A context manager."""

    def __init__(self, info: AudioInfo, channels: Sequence[int] | None = None) -> None:
        self.info = info
        self.channels = len(channels) if isinstance(channels, range) else check_channels(info, channels)
        self._choice = channels
        self._links: list[FileLink] = []

    def __enter__(self) -> ExactReader:
        content = self.info.content or Content(self.info.path)
        try:
            for segments in content.links or (None,):
                self._links.append(FileLink(content.path, segments, self.info.format in _FORWARDS_ONLY))
        except (soundfile.LibsndfileError, OSError) as error:
            raise damaged(self.info.path, str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        while self._links:
            self._links.pop().close()

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """(channels, stop - start) in the type `info.exact_type`. Raises InvalidRequest for missing samples."""
        samples = self.read_as(start, stop, self.info.exact_type.name)
        return samples if isinstance(self._choice, range) else _choose(samples, self._choice)

    def read_as(self, start: int, stop: int, dtype: str) -> NDArray[Any]:
        """All channels of [start, stop) as `dtype`, (channels, stop - start). Raises InvalidRequest."""
        try:
            samples = self._read(start, stop, dtype)
        except (soundfile.LibsndfileError, OSError) as error:
            raise damaged(self.info.path, str(error)) from error
        if samples.shape[1] != stop - start:
            raise damaged(self.info.path, f"samples {start + samples.shape[1]} to {stop} are missing")
        return samples

    def _read(self, start: int, stop: int, dtype: str) -> NDArray[Any]:
        counts = self.info.content.frames if self.info.content and self.info.content.frames else (self.info.frames,)
        parts: list[NDArray[Any]] = []
        first = 0
        for link, count in zip(self._links, counts, strict=True):
            a, b = max(start - first, 0), min(stop - first, count)
            if a < b or (start == stop and not parts):
                parts.append(link.read(a, max(a, b), dtype))
            first += count
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
