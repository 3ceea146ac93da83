"""What a request says, in the form that v1 and nano read: tags, and lyric ids or a beat grid.

Knows requests, lyrics and tempo; knows no network, no latents and no audio file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.constants import MAX_TEXT_TOKENS
from engine.families.family import Place
from engine.families.v1.conditioner import Words
from engine.grid.beat_grid import beat_grid_ids, tempo_from_tags
from engine.grid.harmony import bars_of_frames, grid_ids, key_for_words, key_from_words, key_name, planned_chords
from engine.grid.key_spelling import SUCH_AS, spelled_key
from engine.grid.tempo_map import TempoMap, TempoPoint
from engine.networks.config import TransformerConfig
from engine.requests.resolve import Resolved
from engine.requests.settled import Settled

if TYPE_CHECKING:
    from engine.grid.heard import Heard

NO_SINGING = (
    "This model reads a beat grid in place of lyrics and does not sing: the lyrics were left out. "
    "`acestep-bridge models pull ace-step-v1` gets one that does."
)


@dataclass
class Reader:
    """Reads a resolved request's words for windows. `warnings` collects what the user should hear."""

    resolved: Resolved
    config: TransformerConfig
    vocabulary: Path | None = None
    count: Callable[[str], int] | None = None  # tokens of tags
    warnings: list[str] = field(default_factory=list)

    def words(self, place: Place, heard: Heard | None = None) -> Words:
        """The words of what is made. `heard` finds tempo, phase, key and chords in the source around."""
        resolved = self.resolved
        tags = full_tags(resolved, self.resolved.tempo_over_time, place.start_seconds, self.config)
        self._say_cut("tags", tags)
        return Words(tags, self._ids(resolved.all_lyrics, place, tags, heard))

    def original_words(self, place: Place, heard: Heard | None = None) -> Words:
        """The words of the source of audio-to-audio."""
        resolved = self.resolved
        self._say_cut("original_tags", resolved.original_tags)
        ids = self._ids(resolved.original_lyrics, place, resolved.original_tags, heard)
        return Words(resolved.original_tags, ids)

    def _ids(self, lyrics: str, place: Place, tags: str, heard: Heard | None) -> tuple[int, ...]:
        from engine.lyrics import encode_lyrics, is_instrumental

        if self.config.lyric_input != "lyrics":
            if not is_instrumental(lyrics):
                self._warn(NO_SINGING)
            return tuple(self._grid_ids(tags, place, heard))
        if is_instrumental(lyrics):
            return ()
        return encode_lyrics(lyrics, self.resolved.language, self.vocabulary).ids

    def _grid_ids(self, tags: str, place: Place, heard: Heard | None) -> list[int]:
        tempo_map = self._tempo_map_of(tags, heard)
        beats = beat_grid_ids(tempo_map, place.start_seconds, place.frames)
        if self.config.lyric_input == "beat_grid":
            return beats
        self._say_no_key()
        return grid_ids(beats, frame_chords(tags, tempo_map, place, heard))

    def _say_cut(self, field: str, tags: str) -> None:
        """No token is shorter than a character."""
        if len(tags) < MAX_TEXT_TOKENS or self.count is None or (tokens := self.count(tags)) <= MAX_TEXT_TOKENS:
            return
        self._warn(f"{field}: {tokens} tokens, and the model reads {MAX_TEXT_TOKENS}: the last were left out.")

    def _warn(self, warning: str) -> None:
        """Say it once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _say_no_key(self) -> None:
        key = (self.resolved.key or "").strip()
        if key and spelled_key(key) is None and key_from_words(key) is None:
            self._warn(f"key: {key[:40]!r} is no key; its words joined the tags. Expected {SUCH_AS}.")

    def _tempo_map_of(self, tags: str, heard: Heard | None) -> TempoMap | None:
        given = self.resolved.tempo_over_time
        if given is not None:
            return given
        bpm = tempo_from_tags(tags)
        tempo_map = heard.tempo_map(bpm) if heard is not None else None
        if tempo_map is not None or bpm is None:
            return tempo_map
        return TempoMap((TempoPoint(0.0, bpm),))


def frame_chords(tags: str, tempo_map: TempoMap | None, place: Place, heard: Heard | None) -> Sequence[int]:
    """The chord number of each frame that is made, 0 (unknown) elsewhere.

    The key is that of the tags, else of the source, else one that the tags' words decide.
    """
    bars = bars_of_frames(tempo_map, place.start_seconds, place.frames)
    harmony = heard.harmony(bars) if heard is not None else None
    key = key_from_words(tags) or (harmony.key if harmony is not None else key_for_words(tags))
    chords = planned_chords(bars.times, key, tags, harmony)
    new_frames = place.made or (True,) * place.frames
    return [chords[bar] if new else 0 for bar, new in zip(bars.numbers, new_frames, strict=True)]


def full_tags(resolved: Settled, tempo_map: TempoMap | None, seconds: float, config: TransformerConfig) -> str:
    """The tags with tempo and key, where the request gives them apart and the tags do not hold them yet."""
    tags = resolved.tags.strip()
    if tempo_map is not None and tempo_from_tags(tags) is None:
        point, _ = tempo_map.bars_at(max(seconds, 0.0))
        tags += f", {point.bpm:.3g} bpm" if config.lyric_input == "lyrics" else ""
    key = resolved.key.strip() if resolved.key is not None else ""
    if key and key_name(key) is None:  # 8A, fis-Moll: no words that a model knows
        key = spelled_key(key) or key
    if key.lower() not in tags.lower():
        tags += f", {key}"
    return stem_tags(tags, config.stem_words)


def stem_tags(tags: str, stem_words: Sequence[str]) -> str:
    """Tags that name one of `stem_words` and nothing else, apart from key and tempo, with "only" after it.

    A model that lists such words has heard single instruments under "bass only"; "bass" alone it takes for a hint.
    """
    parts = [part.strip() for part in tags.split(",")]
    named = [part for part in parts if part and key_name(part) is None and tempo_from_tags(part) is None]
    if len(named) != 1 or named[0].lower() not in stem_words:
        return tags
    return ", ".join(f"{part} only" if part == named[0] else part for part in parts)
