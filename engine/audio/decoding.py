"""What libsndfile cannot read, decoded whole by another program into a temporary WAV: ffmpeg, or the system's reader.

ffmpeg where it is on PATH; else pedalboard's readers of macOS and Windows (AAC, MP4, WMA). Nothing is believed: a
reader that gives less than the container promises, reports damage, or gives silence where the file has none, is not
used.
The last few decoded files are kept until the process ends.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from engine.audio.containers.layout import Layout, refused, truncated
from engine.audio.paths import name_or_content
from engine.errors import InvalidRequest

_KEPT = 4
_LIMIT_SECONDS = 900
_BLOCK_FRAMES = 1 << 16
_PLATFORMS = {"darwin": "the system's reader (pedalboard)", "win32": "the system's reader (pedalboard)"}
_PLATFORM_KINDS = ("MP4", "AAC", "CAF", "WMA", "AC3")
_STREAM = re.compile(r"Stream #0:\d+.*?: Audio: (\w+)[^,]*(?:\([^)]*\))*, (\d+) Hz, ([^,]+), (\w+)(?: \((\d+) bit\))?")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_WIDTHS = {"u8": 16, "s16": 16, "s32": 32}
_LOSSLESS = ("alac", "flac", "wavpack", "ape", "tta", "tak", "shorten", "mlp", "truehd", "wmalossless", "als")
_DEMUXERS = (  # of files alone: no playlist, which would name other files
    "mov,mp4,m4a,3gp,3g2,mj2,aac,matroska,webm,asf,avi,wav,w64,flac,ogg,mp3,caf,aiff,au,wv,ape,tta,tak,amr,mpc,mpc8,"
    "ac3,eac3,dts,dsf,iff,flv,rm,voc,loas"
)


@dataclass(frozen=True)
class Decoded:
    """A whole file as WAV at `path`: libsndfile's name of the samples' type, the codec, and who decoded it."""

    path: Path
    subtype: str
    codec: str
    reader: str


@dataclass(frozen=True)
class _Stream:
    """The one stream of sound that ffmpeg sees."""

    codec: str
    bits: int | None  # of integer samples that come back unchanged
    is_double: bool
    seconds: float | None


_Key = tuple[str, int, int, int]
_kept: OrderedDict[_Key, Decoded] = OrderedDict()
_folder: Path | None = None


def decode(path: Path, layout: Layout, bits: int | None = None, md5: bytes = b"") -> Decoded:
    """The file decoded. `bits` and `md5` are what a FLAC says of its samples.

    Raises InvalidRequest that says what can read it, or why what was decoded is not used.
    """
    state = path.stat()
    key = (str(path.absolute()), state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if key in _kept and _kept[key].path.exists():
        _kept.move_to_end(key)
        return _kept[key]
    decoded = _decode(path, layout, bits, md5)
    _kept[key] = decoded
    while len(_kept) > _KEPT:
        _kept.popitem(last=False)[1].path.unlink(missing_ok=True)
    return decoded


def _decode(path: Path, layout: Layout, bits: int | None, md5: bytes) -> Decoded:
    program = shutil.which("ffmpeg")
    target = _new_path()
    try:
        if program is not None:
            decoded = _by_ffmpeg(program, path, layout, target)
        elif sys.platform in _PLATFORMS and layout.kind in _PLATFORM_KINDS:
            decoded = by_pedalboard(path, target)
        else:
            raise unreadable(path, layout.kind, bits)
        _check_flac(path, decoded, bits, md5)
        return decoded
    except BaseException as error:
        target.unlink(missing_ok=True)
        if bits and isinstance(error, InvalidRequest):
            raise unreadable(path, "FLAC", bits) from error
        raise


def unreadable(path: Path, kind: str, bits: int | None = None) -> InvalidRequest:
    """The error for a file that no reader here can read; says which could."""
    what = f"a FLAC of {bits} bits" if bits else f"{_article(kind)} {kind} file" if kind else "not audio that is known"
    has = shutil.which("ffmpeg") is not None
    remedy = f"Convert it to WAV: ffmpeg -i {path.name} song.wav"
    if bits:
        remedy = f"Convert it to WAV or to 24 bits: flac -d {path.name}, or any audio editor."
    elif not has:
        remedy = "Install ffmpeg (it is found on PATH and used), or convert the file to WAV in any audio editor."
    return refused(path.name, f"{what}, which cannot be read here", "a wav, flac, aiff, ogg or mp3 file", remedy)


def _article(word: str) -> str:
    return "an" if word[:1] in "AEFMO" else "a"


# -- ffmpeg ------------------------------------------------------------------------------------------------------------


def _by_ffmpeg(program: str, path: Path, layout: Layout, target: Path) -> Decoded:
    stream = _look(program, path, layout)
    subtype = "DOUBLE" if stream.is_double else f"PCM_{stream.bits}" if stream.bits else "FLOAT"
    codec = {"DOUBLE": "pcm_f64le", "FLOAT": "pcm_f32le"}.get(subtype, f"pcm_s{stream.bits}le")
    kind = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-bitexact", "-c:a", codec, "-rf64", "auto", "-f", "wav", "-y"]
    output = _run([program, *_input(path, "error"), *kind, str(target)])
    if not target.exists() or not target.stat().st_size:
        raise _damaged(path, output)
    info = soundfile.info(str(target))
    _check_length(path, layout, stream, info, output)
    return Decoded(target, subtype, stream.codec.upper(), f"ffmpeg ({stream.codec})")


def _input(path: Path, level: str) -> list[str]:
    quiet = ["-hide_banner", "-nostdin", "-v", level]
    return [*quiet, "-protocol_whitelist", "file", "-format_whitelist", _DEMUXERS, "-i", f"file:{path.absolute()}"]


def _run(command: list[str]) -> str:
    """What the program says. Raises InvalidRequest when it does not end."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LIMIT_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidRequest(
            "audio", f"a file that ffmpeg could not decode ({error})", "an audio file", "Convert it to WAV."
        ) from error
    return done.stderr.decode("utf-8", "replace")


def _look(program: str, path: Path, layout: Layout) -> _Stream:
    """The stream of sound. Raises InvalidRequest for none and for several."""
    output = _run([program, *_input(path, "info")])
    found = _STREAM.findall(output)
    if not found:
        raise unreadable(path, layout.kind) if layout.kind else _no_sound(path)
    if len(found) > 1:
        got = f"which holds {len(found)} streams of sound"
        remedy = f"Take one out: ffmpeg -i {path.name} -map 0:a:0 one.wav"
        raise refused(path.name, got, "one stream of sound", remedy)
    codec, _rate, _layout, kind, bits = found[0]
    kind = kind.removesuffix("p")
    lossless = codec in _LOSSLESS or codec.startswith("pcm_")
    whole = (24 if bits and int(bits) <= 24 else _WIDTHS.get(kind)) if lossless else None
    return _Stream(codec, whole, lossless and kind == "dbl", _seconds(output, layout))


def _no_sound(path: Path) -> InvalidRequest:
    return refused(
        path.name,
        "which is not audio that can be read here",
        "a wav, flac, aiff, ogg or mp3 file",
        "Convert it to WAV.",
    )


def _seconds(output: str, layout: Layout) -> float | None:
    """The length that the container promises; None where that is an estimate."""
    found = _DURATION.search(output)
    if found is None or layout.kind in ("AAC", "MP3", "AC3", ""):
        return None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def _check_length(path: Path, layout: Layout, stream: _Stream, info: soundfile._SoundFileInfo, output: str) -> None:
    """Raises InvalidRequest where less came than was promised, or nothing."""
    seconds = info.frames / info.samplerate
    promised = stream.seconds
    if layout.kind == "AAC" and layout.frames and layout.tolerance:
        promised = layout.frames / layout.tolerance
    if promised is not None and seconds < promised - 0.2:
        raise truncated(path.name, f"its header promises {promised:.2f} s and {seconds:.2f} s could be decoded")
    if promised is None and output.strip():
        raise _damaged(path, output)
    if not info.frames:
        raise _damaged(path, output)


def _damaged(path: Path, output: str) -> InvalidRequest:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    why = re.sub(r" @ 0x[0-9a-f]+", "", lines[0])[:160] if lines else "it gave no samples"
    return refused(path.name, f"which is damaged or truncated (ffmpeg: {why.replace(str(path.absolute()), path.name)})")


# -- the system's reader -----------------------------------------------------------------------------------------------


def by_pedalboard(path: Path, target: Path) -> Decoded:
    """Decode with what macOS or Windows can read. Raises InvalidRequest, also where only silence comes."""
    from pedalboard.io import AudioFile  # a large import, wanted only for rare formats

    loudest = 0.0
    try:
        with AudioFile(name_or_content(path)) as source:
            rate, channels = round(source.samplerate), source.num_channels
            with soundfile.SoundFile(target, "w", rate, channels, "FLOAT", format="RF64") as out:
                while (block := source.read(_BLOCK_FRAMES)).shape[1]:
                    loudest = max(loudest, float(np.abs(block).max()))
                    out.write(block.T)
            promised = source.frames if getattr(source, "exact_duration_known", True) else 0
    except (ValueError, RuntimeError, OSError, soundfile.LibsndfileError) as error:
        raise refused(
            path.name,
            f"which the system's reader cannot read ({error})",
            "an audio file",
            "Install ffmpeg (it is found on PATH and used), or convert the file to WAV.",
        ) from error
    frames = soundfile.info(str(target)).frames
    if frames < promised - 2 * 2048:
        raise truncated(path.name, f"its header promises {promised} samples and {frames} could be decoded")
    if loudest == 0.0:
        raise refused(path.name, "which the system's reader gives as silence", "audio", "Convert it to WAV.")
    return Decoded(target, "FLOAT", path.suffix.lstrip(".").upper(), "pedalboard")


# -- checks ------------------------------------------------------------------------------------------------------------


def _check_flac(path: Path, decoded: Decoded, bits: int | None, md5: bytes) -> None:
    """A FLAC's samples must have the MD5 that its header names; without one, silence is not believed."""
    if bits is None:
        return
    digest, loud = hashlib.md5(usedforsecurity=False), False
    with soundfile.SoundFile(decoded.path) as file:
        for block in file.blocks(_BLOCK_FRAMES, dtype="int32", always_2d=True):
            loud |= bool(block.any())
            digest.update(_flac_bytes(block, bits))
    right = digest.digest() == md5 if any(md5) else loud
    if not right:
        raise unreadable(path, "FLAC", bits)


def _flac_bytes(block: np.ndarray, bits: int) -> bytes:
    """Samples as FLAC's MD5 sees them: signed, little-endian, in as few bytes as hold them."""
    width = (bits + 7) // 8
    values = (block >> (32 - bits)).astype("<i4")
    return values.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()


# -- temporary files ---------------------------------------------------------------------------------------------------


def _new_path() -> Path:
    """A place for a decoded file in this process's folder, which goes when the process ends."""
    global _folder
    if _folder is None or not _folder.exists():
        _remove_left_behind()
        _folder = Path(tempfile.mkdtemp(prefix=f"acestep-decoded-{os.getpid()}-"))
        atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    handle, name = tempfile.mkstemp(suffix=".wav", dir=_folder)
    os.close(handle)
    return Path(name)


def _remove_left_behind() -> None:
    """Folders of processes that were killed."""
    import psutil

    for folder in Path(tempfile.gettempdir()).glob("acestep-decoded-*"):
        number = folder.name.split("-")[2]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
