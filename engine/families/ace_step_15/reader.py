"""What a request says, in the form that ACE-Step 1.5 reads: an instruction, a caption with metas, lyrics.

Knows requests, lyrics and tempo; knows no network, no latents and no audio file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import InvalidRequest
from engine.families.ace_step_15 import prompt
from engine.families.ace_step_15.prompt import Metas, Prompt
from engine.families.ace_step_15.words import Sees, Words
from engine.families.family import Place, Timbre
from engine.grid.beat_grid import tempo_from_tags
from engine.grid.key_spelling import SUCH_AS, spelled_key
from engine.requests.check import parse_meter
from engine.requests.resolve import Resolved

if TYPE_CHECKING:
    from engine.grid.heard import Heard

INSTRUCTIONS: dict[str, tuple[str, Sees]] = {
    "inpaint": (prompt.REPAINT, "gaps"),
    "outpaint": (prompt.REPAINT, "gaps"),
    "remix": (prompt.COVER, "codes"),
    "reference": (prompt.COVER, "source"),
}
NAMED: dict[str, Callable[[Resolved], str]] = {
    "lego": lambda resolved: prompt.lego_instruction(resolved.track),
    "extract": lambda resolved: prompt.extract_instruction(resolved.track),
    "complete": lambda resolved: prompt.complete_instruction(resolved.tracks or ()),
}
APART = "tag_guidance_scale, lyric_guidance_scale: this model was not trained with them apart."


@dataclass
class Reader:
    """Reads a resolved request's words for windows. `warnings` collects what the user should hear.

    `frame_rate` are latent frames a second, `count` tells a text's tokens, `distilled` models know no guidance,
    those of `stem_captions` were trained on captions of a form of their own.
    """

    resolved: Resolved
    frame_rate: float
    count: Callable[[str], int]
    distilled: bool = False
    stem_captions: bool = False
    timbre: Timbre | None = None
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.resolved.double_guidance and not self.distilled:
            self.warnings.append(APART)

    def words(self, place: Place, heard: Heard | None = None) -> Words:
        """The words of what is made; its length is the window's, not the song's."""
        resolved = self.resolved
        instruction, sees = self._instruction()
        return self._words(resolved.tags, resolved.all_lyrics, self._metas(place), instruction, sees)

    def _instruction(self) -> tuple[str, Sees]:
        resolved = self.resolved
        if resolved.task in NAMED:
            return NAMED[resolved.task](resolved), "source"
        return INSTRUCTIONS.get(resolved.edit_mode or resolved.task, (prompt.TEXT_TO_MUSIC, "silence"))

    def original_words(self, place: Place, heard: Heard | None = None) -> Words:
        """The words of the source of audio-to-audio."""
        resolved = self.resolved
        metas = self._metas(place, resolved.original_tags)
        return self._words(resolved.original_tags, resolved.original_lyrics, metas, prompt.TEXT_TO_MUSIC, "silence")

    def _words(self, tags: str, lyrics: str, metas: Metas, instruction: str, sees: Sees) -> Words:
        from engine.lyrics import is_instrumental

        sung = not is_instrumental(lyrics)
        form = prompt.stem_caption if self.stem_captions else str
        text, warning = prompt.fitted_text(instruction, tags.strip(), metas, self.count, form)
        if warning is not None:
            self._warn(warning)
        plain, _ = prompt.fitted_text(prompt.TEXT_TO_MUSIC, tags.strip(), metas, self.count)
        language = self._language(lyrics) if sung else prompt.UNKNOWN_LANGUAGE
        second = prompt.fitted_lyrics(lyrics.strip() if sung else prompt.INSTRUMENTAL, language, self.count)
        return Words(Prompt(text, second), plain, sees, sung, self.timbre)

    def _metas(self, place: Place, tags: str | None = None) -> Metas:
        resolved, tempo_map = self.resolved, self.resolved.tempo_over_time
        seconds = place.frames / self.frame_rate if place.seconds is None else place.seconds
        key = None if resolved.key is None else spelled_key(resolved.key)
        if tempo_map is None:
            bpm, beats = tempo_from_tags(resolved.tags if tags is None else tags), self._beats()
        else:
            point, _ = tempo_map.bars_at(max(place.start_seconds, 0.0))
            bpm, beats = point.bpm, point.numerator
        metas = Metas.trained(seconds, bpm, beats, key)
        self._say_untrained(metas, bpm, beats)
        return metas

    def _say_untrained(self, metas: Metas, bpm: float | None, beats: int | None) -> None:
        if bpm is not None and metas.bpm is None:
            limits = f"{prompt.LOWEST_BPM:g} to {prompt.HIGHEST_BPM:g}"
            self._warn(f"tempo: {bpm:g} bpm was left out: the model knows {limits}.")
        if beats is not None and metas.time_signature is None:
            known = ", ".join(str(beats) for beats in sorted(prompt.TIME_SIGNATURES))
            self._warn(f"meter: {beats} beats a bar were left out: the model knows {known}.")
        key = self.resolved.key
        if key is not None and key.strip() and metas.key is None:
            self._warn(f"key: {key[:40]!r} was left out: the model knows majors and minors, {SUCH_AS}.")

    def _warn(self, warning: str) -> None:
        """Say it once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _beats(self) -> int | None:
        return None if self.resolved.meter is None else parse_meter(self.resolved.meter)[0]

    def _language(self, lyrics: str) -> str:
        """The request's language, else that of most lines."""
        if self.resolved.language is not None:
            return language_code(self.resolved.language)
        from engine.lyrics.detect import detect_languages
        from engine.lyrics.structure import split_lines, without_tags

        lines = [line for line in (without_tags(line).strip() for line in split_lines(lyrics)) if line]
        languages = Counter(detect_languages(lines)).most_common(1)
        return languages[0][0] if languages and languages[0][0] in prompt.LANGUAGES else prompt.UNKNOWN_LANGUAGE


def language_code(name: str) -> str:
    """The code of a language as a request gives it: `EN`, `pt-BR` are en and pt. Raises InvalidRequest."""
    code = name.strip().lower().replace("_", "-").split("-")[0]
    if code in prompt.LANGUAGES:
        return code
    raise InvalidRequest(
        "language",
        repr(name),
        "one of " + ", ".join(sorted(prompt.LANGUAGES)),
        "Leave the language out to have it found, or give one of these.",
    )
