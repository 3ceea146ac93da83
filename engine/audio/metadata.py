"""How a clip was made, inside the clip: `bext` and `iXML` chunks of a WAV, a comment in flac, ogg and mp3.

The recipe is JSON in iXML's USER/ACESTEP_RECIPE; in the other formats the comment is "acestep-recipe:" and the JSON.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

from engine.audio.carried import broadcast, id3, riff, vorbis
from engine.audio.carried.model import Carried
from engine.audio.containers import kinds

COMMENT_PREFIX = "acestep-recipe:"


def encode_recipe(recipe: dict[str, Any]) -> str:
    """The recipe as one line of ASCII JSON, keys sorted: equal recipes give equal text."""
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def read_carried(path: str | os.PathLike[str]) -> Carried:
    """What a wav, flac, ogg or mp3 file carries beside its samples; nothing for another file. Raises OSError."""
    file = Path(path)
    kind = kinds.kind_of(kinds.head_of(file))
    if kind == "WAV":
        return riff.read(file)
    carried = vorbis.read(file) if kind in ("FLAC", "OGG", "ID3") else Carried()
    return carried if carried.tags or kind not in ("MP3", "ID3") else id3.read(file)


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The recipe in a wav, flac, ogg or mp3 file that this program wrote, or None."""
    text = _recipe_text(read_carried(path))
    if text is None:
        return None
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return recipe if isinstance(recipe, dict) else None


def _recipe_text(carried: Carried) -> str | None:
    ixml = carried.chunk(b"iXML")
    if ixml is not None:
        escaped = broadcast.recipe_in(ixml)
        return None if escaped is None else unescape(escaped)
    comments = (value for _, value in carried.tags if value.startswith(COMMENT_PREFIX))
    return next((value[len(COMMENT_PREFIX) :] for value in comments), None)
