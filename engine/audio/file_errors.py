"""What is wrong with a file that should be audio: errors on the field "audio". Reads at most a byte."""

from __future__ import annotations

from pathlib import Path

from engine.errors import InvalidRequest


def check_readable(file: Path) -> None:
    """Raises InvalidRequest for what is missing, no file, not readable or empty."""
    if not file.exists():
        raise audio_error(f"{file}, which does not exist", "a file that exists", "Check the path and its spelling.")
    if not file.is_file():
        raise audio_error(f"{file}, which is a folder or a device", "an audio file", "Name a file inside it.")
    try:
        with file.open("rb") as opened:
            first = opened.read(1)
    except OSError as error:
        raise audio_error(
            f"{file}, which cannot be read ({error.strerror})",
            "a file that you may read",
            "Change its permissions, close programs that hold it, or copy it elsewhere.",
        ) from error
    if not first:
        raise audio_error(f"{file.name}, which is empty (0 bytes)", "an audio file", "Export or copy the audio again.")


def not_audio(file: Path) -> InvalidRequest:
    """A file that no reader here can read."""
    return audio_error(
        f"{file.name}, which is not audio that can be read here",
        "a wav, flac, aiff, ogg or mp3 file",
        "Convert it to WAV first.",
    )


def damaged(file: Path, what: str) -> InvalidRequest:
    """A file that begins as audio and is not whole."""
    return audio_error(
        f"{file.name}, which is damaged or truncated: {what}",
        "a complete audio file",
        "Export or copy the audio again.",
    )


def audio_error(got: str, expected: str, remedy: str) -> InvalidRequest:
    """An error on the field "audio"."""
    return InvalidRequest("audio", got, expected, remedy)
