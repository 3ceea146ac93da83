"""What a request asks of the memory, told from its fields and what it covers. Knows no torch and no model."""

from __future__ import annotations

from engine.memory.plan import Work
from engine.requests.extent import Extent
from engine.requests.resolve import Resolved

CHARACTERS_PER_TOKEN = 2.0
OTHER_TOKENS = 64  # tags, speaker, structure


def work_of(resolved: Resolved, extent: Extent) -> Work:
    """What a resolved request asks of the memory."""
    lyrics = len(resolved.lyrics) + len(resolved.original_lyrics)
    return Work(
        items=len(resolved.seeds),
        passes=3 if resolved.double_guidance else 2,
        frames=extent.made_frames,
        encoded_frames=extent.seen_frames,
        tokens=OTHER_TOKENS + int(lyrics / CHARACTERS_PER_TOKEN),
    )
