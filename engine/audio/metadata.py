"""How a clip was made, inside the clip: `bext` and `iXML` chunks of a WAV, a comment in flac, ogg and mp3.

bext after EBU Tech 3285 version 1, date and time empty, so that equal requests give equal files. The recipe is JSON
in iXML's USER/ACESTEP_RECIPE; in the other formats the comment is "acestep-recipe:" and the JSON.
"""

from __future__ import annotations

import json
import os
import re
import struct
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, unescape

import soundfile

from engine.audio import completeness
from engine.audio.paths import system_name

COMMENT_PREFIX = "acestep-recipe:"
_ELEMENT = re.compile(r"<ACESTEP_RECIPE>(.*?)</ACESTEP_RECIPE>", re.DOTALL)
_ORIGINATOR = "acestep-bridge"


def encode_recipe(recipe: dict[str, Any]) -> str:
    """The recipe as one line of ASCII JSON, keys sorted: equal recipes give equal text."""
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def bext_chunk(coding_history: str, time_reference: int) -> bytes:
    """The content of a `bext` chunk; `time_reference` is the position of the first sample, in samples."""
    fields = (
        b"Made by acestep-bridge; the recipe is in iXML".ljust(256, b"\0"),
        _ORIGINATOR.encode().ljust(32, b"\0"),
        b"\0" * 32,  # originator reference
        b"\0" * 18,  # date and time
        struct.pack("<QH", time_reference, 1),
        b"\0" * (64 + 190),  # UMID and reserved
    )
    return b"".join(fields) + coding_history.encode("ascii", "replace")


def ixml_chunk(recipe: dict[str, Any] | None) -> bytes:
    """The content of an `iXML` chunk with the recipe."""
    text = "" if recipe is None else f"<ACESTEP_RECIPE>{escape(encode_recipe(recipe))}</ACESTEP_RECIPE>"
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<BWFXML><IXML_VERSION>1.61</IXML_VERSION>'
        f"<PROJECT>{_ORIGINATOR}</PROJECT><USER>{text}</USER></BWFXML>\n"
    )
    return xml.encode()


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The recipe in a wav, flac, ogg or mp3 file that this program wrote, or None."""
    text = _recipe_text(Path(path))
    if text is None:
        return None
    try:
        recipe = json.loads(text)
    except ValueError:
        return None
    return recipe if isinstance(recipe, dict) else None


def _recipe_text(path: Path) -> str | None:
    chunk = completeness.find_chunk(path, b"iXML")
    if chunk is not None:
        found = _ELEMENT.search(chunk.decode("utf-8", "replace"))
        return unescape(found.group(1)) if found else None
    try:
        with soundfile.SoundFile(system_name(path)) as file:
            comment = file.comment
    except (soundfile.LibsndfileError, TypeError):
        return None
    return comment[len(COMMENT_PREFIX) :] if comment.startswith(COMMENT_PREFIX) else None
