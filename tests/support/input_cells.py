"""What audio may come in and go out: the lists that the tests run through and the docs print. No tests."""

from __future__ import annotations

SOURCE_TASKS = ("inpaint", "outpaint", "audio-to-audio")
ALL_TASKS = ("text-to-audio", "prompt-to-audio", "retake", *SOURCE_TASKS)
FORMS = {
    "path": "a path",
    "bytes": "raw bytes",
    "data": "`data:` URI",
    "upload": "hash of an upload",
    "result": "hash of a result",
    "url": "URL, where allowed",
}
INPUTS = {  # name in the docs: container and sample format of libsndfile
    "wav 8": ("WAV", "PCM_U8"),
    "wav 16": ("WAV", "PCM_16"),
    "wav 24": ("WAV", "PCM_24"),
    "wav 32": ("WAV", "PCM_32"),
    "wav 32f": ("WAV", "FLOAT"),
    "wav 64f": ("WAV", "DOUBLE"),
    "flac": ("FLAC", "PCM_24"),
    "aiff": ("AIFF", "PCM_24"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
OUTPUTS = {  # name in the docs: request fields, and what libsndfile must find in the file
    "wav 16": ({"format": "wav", "bit_depth": "16"}, ("WAV", "PCM_16")),
    "wav 24": ({"format": "wav", "bit_depth": "24"}, ("WAV", "PCM_24")),
    "wav 32f": ({"format": "wav", "bit_depth": "32f"}, ("WAV", "FLOAT")),
    "flac": ({"format": "flac"}, ("FLAC", "PCM_24")),
    "mp3": ({"format": "mp3"}, ("MP3", "MPEG_LAYER_III")),
    "ogg": ({"format": "ogg"}, ("OGG", "VORBIS")),
}


def inputs_table() -> str:
    """Task and form of input by file format, as Markdown. Every cell is a test of `test_every_input.py`."""
    lines = ["| task | audio given as | " + " | ".join(INPUTS) + " |", "|---" * (len(INPUTS) + 2) + "|"]
    for task in SOURCE_TASKS:
        lines += [f"| `{task}` | {words} |" + " yes |" * len(INPUTS) for words in FORMS.values()]
    return "\n".join(lines)


def outputs_table() -> str:
    """Task by output format, as Markdown. Every cell is a test of `test_every_input.py`."""
    lines = ["| task | " + " | ".join(OUTPUTS) + " |", "|---" * (len(OUTPUTS) + 1) + "|"]
    return "\n".join([*lines, *(f"| `{task}` |" + " yes |" * len(OUTPUTS) for task in ALL_TASKS)])
