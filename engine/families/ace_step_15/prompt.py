"""Words as ACE-Step 1.5 was trained on them: instruction, caption, metas; language and lyrics. Knows no network.

The text encoder sees 256 tokens. A longer caption would push the metas out, so the caption is cut, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from engine.errors import InvalidRequest
from engine.networks.ace_step_15.text_encoder import MAX_LYRIC_TOKENS, MAX_TEXT_TOKENS
from engine.requests.tracks import TRACKS

END = "<|endoftext|>"
UNKNOWN = "N/A"
INSTRUMENTAL = "[Instrumental]"
UNKNOWN_LANGUAGE = "unknown"
LOWEST_BPM, HIGHEST_BPM = 30, 300
TIME_SIGNATURES = (2, 3, 4, 6)
LONGEST_WORD = 40  # characters of a word that is left out as a whole

# fmt: off
LANGUAGES = frozenset({
    "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hr", "ht", "hu",
    "id", "is", "it", "ja", "ko", "la", "lt", "ms", "ne", "nl", "no", "pa", "pl", "pt", "ro", "ru", "sa", "sk", "sr",
    "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "yue", "zh", "unknown",
})
# fmt: on

TEXT_TO_MUSIC = "Fill the audio semantic mask based on the given conditions:"
REPAINT = "Repaint the mask area based on the given conditions:"
COVER = "Generate audio semantic tokens based on the given conditions:"


@dataclass(frozen=True)
class Metas:
    """What is known of the music, as it is written: `time_signature` "3", `key` "F# minor"."""

    seconds: float
    bpm: float | None = None
    time_signature: str | None = None
    key: str | None = None

    @classmethod
    def trained(cls, seconds: float, bpm: float | None, beats: int | None, key: str | None) -> Self:
        """Whole beats a minute and a meter's beats, where the model was trained for them; else they are not said."""
        known_bpm = bpm if bpm is not None and LOWEST_BPM <= bpm <= HIGHEST_BPM else None
        meter = f"{beats}" if beats in TIME_SIGNATURES else None
        return cls(seconds, None if known_bpm is None else round(known_bpm), meter, key)

    def lines(self) -> str:
        """The four lines; what is not known is N/A."""
        bpm = UNKNOWN if self.bpm is None else f"{self.bpm:g}"
        return (
            f"- bpm: {bpm}\n- timesignature: {self.time_signature or UNKNOWN}\n"
            f"- keyscale: {self.key or UNKNOWN}\n- duration: {int(self.seconds)} seconds\n"
        )


@dataclass(frozen=True)
class Prompt:
    """The two texts that a context is made of."""

    text: str
    lyrics: str


def extract_instruction(track: str | None) -> str:
    """What extract asks for; no name: the track as such."""
    return f"Extract the {_named(track)}track from the audio:"


def lego_instruction(track: str | None) -> str:
    """What lego asks for."""
    return f"Generate the {_named(track)}track based on the audio context:"


def complete_instruction(tracks: Sequence[str]) -> str:
    """What complete asks for."""
    names = " | ".join(check_track(track).upper() for track in tracks)
    return f"Complete the input track with {names}:" if names else "Complete the input track:"


def check_track(name: str) -> str:
    """A track's name, or InvalidRequest listing those that the model was trained on."""
    if name not in TRACKS:
        raise InvalidRequest("track", repr(name), f"one of {', '.join(TRACKS)}", "Choose one of these names.")
    return name


def text_of(instruction: str, caption: str, metas: Metas) -> str:
    """The first text."""
    return f"# Instruction\n{instruction}\n\n# Caption\n{caption}\n\n# Metas\n{metas.lines()}{END}\n"


def stem_caption(caption: str) -> str:
    """A caption as checkpoints with `is_lego_sft` in their config were trained on it: the song's, of which nothing is
    given apart, the instrument's, and whether the mask says where it plays, as ours does.
    """
    return f"Global: \nLocal: {caption}\nMask Control: true"


def lyrics_of(lyrics: str, language: str = UNKNOWN_LANGUAGE) -> str:
    """The second text; language is a code of `LANGUAGES`."""
    return f"# Languages\n{language}\n\n# Lyric\n{lyrics}{END}"


def fitted_text(
    instruction: str, caption: str, metas: Metas, count: Callable[[str], int], form: Callable[[str], str] = str
) -> tuple[str, str | None]:
    """The first text within 256 tokens, and what to tell the user where words of the caption were left out.

    `count` tells a text's tokens; `form` makes a caption of words. Whole words are kept, as many as fit, and of a long
    one that does not (some scripts write no spaces) as many characters. Raises InvalidRequest where the rest alone is
    longer than the model reads.
    """
    whole = text_of(instruction, form(caption), metas)
    if count(whole) <= MAX_TEXT_TOKENS:
        return whole, None

    def fits(words: str) -> bool:
        return count(text_of(instruction, form(words), metas)) <= MAX_TEXT_TOKENS

    if not fits(""):
        raise InvalidRequest(
            "key", f"{len(metas.key or '')} characters", "a key such as F# minor", "Write it so, or leave it out."
        )
    shown, left = _cut(caption, fits)
    warning = (
        f"tags: {count(whole)} tokens with what the model adds, and it reads {MAX_TEXT_TOKENS}: the last {left} were "
        "left out."
    )
    return text_of(instruction, form(shown), metas), warning


def _cut(caption: str, fits: Callable[[str], bool]) -> tuple[str, str]:
    """As much of a caption as fits, and how much that leaves out."""
    words = caption.split()
    kept = _most(len(words), lambda n: fits(" ".join(words[:n])))
    shown, word = " ".join(words[:kept]), words[kept]
    if len(word) <= LONGEST_WORD:
        return shown, f"{len(words) - kept} of {len(words)} words"
    before = f"{shown} " if shown else ""
    shown = before + word[: _most(len(word), lambda n: fits(before + word[:n]))]
    return shown, f"{len(caption) - len(shown)} of {len(caption)} characters"


def _most(count: int, fits: Callable[[int], bool]) -> int:
    """The most of `count` that fit, of which all do not: so many and any fewer."""
    low, high = 0, count  # so many fit; so many do not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def fitted_lyrics(lyrics: str, language: str, count: Callable[[str], int]) -> str:
    """The second text. Raises InvalidRequest where the lyrics are longer than the model reads."""
    text = lyrics_of(lyrics, language)
    tokens = count(text)
    if tokens > MAX_LYRIC_TOKENS:
        raise InvalidRequest(
            "lyrics", f"{tokens} tokens", f"at most {MAX_LYRIC_TOKENS}", "Shorten them, or render the song in parts."
        )
    return text


def _named(track: str | None) -> str:
    return "" if track is None else f"{check_track(track).upper()} "
