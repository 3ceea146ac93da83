"""What a request says, in the form that a model reads: tags, and lyric ids or a beat grid.

Knows requests, lyrics and tempo; knows no network, no latents and no audio file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET

from engine.networks.config import TransformerConfig
from engine.requests.check import parse_meter
from engine.requests.resolve import Resolved
from engine.requests.types import AudioToAudio
from engine.sampling.conditioning import Words
from engine.tasks.beat_grid import TempoMap, TempoPoint, beat_grid_ids, tempo_from_tags

NO_SINGING = (
    "This model reads a beat grid in place of lyrics and does not sing: the lyrics were left out. "
    "`acestep-bridge models pull ace-step-v1` gets one that does."
)
Estimate = Callable[[float | None], TempoMap | None]


@dataclass(frozen=True)
class Place:
    """Where a window lies: its start in seconds of the source, and its length in latent frames."""

    start_seconds: float
    frames: int


@dataclass
class Reader:
    """Reads a resolved request's words for windows. `warnings` collects what the user should hear."""

    resolved: Resolved
    config: TransformerConfig
    vocabulary: Path | None = None
    warnings: list[str] = field(default_factory=list)

    def words(self, place: Place, estimate: Estimate | None = None) -> Words:
        """The words of what is made. `estimate` finds tempo and phase in the source around (bpm known or None)."""
        request: Any = self.resolved.request
        tags = full_tags(request, self.tempo_map(), place.start_seconds, self.config)
        return Words(tags, self._ids(sung_lyrics(request), place, request.tags, estimate))

    def original_words(self, place: Place, estimate: Estimate | None = None) -> Words:
        """The words of the source of audio-to-audio."""
        request = self.resolved.request
        assert isinstance(request, AudioToAudio)
        lyrics = request.original_lyrics or ""
        ids = self._ids(str(lyrics), place, request.original_tags, estimate)
        return Words(request.original_tags, ids)

    def tempo_map(self) -> TempoMap | None:
        """The tempo map that the request gives, its one-point form included."""
        request: Any = self.resolved.request
        if request.tempo_map is not UNSET:
            return TempoMap.from_points(request.tempo_map)
        if request.tempo is UNSET:
            return None
        numerator, denominator = (4, 4) if request.meter is UNSET else parse_meter(request.meter)
        return TempoMap((TempoPoint(request.downbeat_time, request.tempo, numerator, denominator),))

    def _ids(self, lyrics: str, place: Place, tags: str, estimate: Estimate | None) -> tuple[int, ...]:
        from engine.lyrics import encode_lyrics, is_instrumental

        if self.config.lyric_input == "beat_grid":
            if not is_instrumental(lyrics) and NO_SINGING not in self.warnings:
                self.warnings.append(NO_SINGING)
            return tuple(beat_grid_ids(self._grid(tags, estimate), place.start_seconds, place.frames))
        if is_instrumental(lyrics):
            return ()
        language = getattr(self.resolved.request, "language", UNSET)
        return encode_lyrics(lyrics, None if language is UNSET else language, self.vocabulary).ids

    def _grid(self, tags: str, estimate: Estimate | None) -> TempoMap | None:
        given = self.tempo_map()
        if given is not None:
            return given
        bpm = tempo_from_tags(tags)
        found = estimate(bpm) if estimate is not None else None
        if found is not None or bpm is None:
            return found
        return TempoMap((TempoPoint(0.0, bpm),))


def sung_lyrics(request: Any) -> str:
    """The lyrics with those of the context around them."""
    parts = (
        getattr(request, "context_lyrics_before", ""),
        getattr(request, "lyrics", ""),
        getattr(request, "context_lyrics_after", ""),
    )
    return "\n".join(part for part in parts if part)


def full_tags(request: Any, tempo_map: TempoMap | None, seconds: float, config: TransformerConfig) -> str:
    """The tags with tempo and key, where the request gives them apart and the tags do not hold them yet."""
    tags: str = request.tags.strip()
    if tempo_map is not None and tempo_from_tags(tags) is None:
        point, _ = tempo_map.bars_at(max(seconds, 0.0))
        tags += f", {point.bpm:.3g} bpm" if config.lyric_input == "lyrics" else ""
    if request.key is not UNSET and request.key.strip().lower() not in tags.lower():
        tags += f", {request.key.strip()}"
    return tags
