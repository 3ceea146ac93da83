"""The language of each line of lyrics: by its script first, Latin letters by py3langid with the whole text's help.

Knows no tokens. Differs from the reference, which judges each line alone, counts digits and punctuation as Chinese
and gives short lines to any of a hundred languages: the differences are listed in tests/engine/lyrics/test_lyrics.py.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from unicodedata import combining

from engine.errors import EngineError
from engine.lyrics.languages import LANGUAGES
from engine.lyrics.structure import without_tags
from engine.lyrics.words import COMMON_WORDS, VOCABLES

DEFAULT = "en"  # the reference's choice for every language that the vocabulary has no token for

# The first word of a letter's Unicode name -> the language that writes with it here; Han waits for kana.
SCRIPTS = {
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "han",
    "CYRILLIC": "ru",
    "ARABIC": "ar",
    "DEVANAGARI": "hi",
    "LATIN": "latin",
}
EAST_ASIAN = ("ko", "ja", "han")
LATIN_LANGUAGES = frozenset(LANGUAGES) - {"ko", "ja", "zh", "ru", "ar", "hi"}

# In nats of py3langid's log-likelihood. Ten is the evidence of two or three words: shorter lines follow the song.
SONG_NATS = 10.0
WORD_NATS = 4.0  # for each different common word, which counts more than the n-grams in it
SECOND_NATS = 6.0
ENGLISH_NATS = 2.0


@lru_cache(maxsize=4096)
def _script(char: str) -> str | None:
    if not char.isalpha():
        return None
    return SCRIPTS.get(unicodedata.name(char, "").split(" ")[0].split("-")[0], "other")


def _scripts(words: str) -> Counter[str]:
    return Counter(script for script in map(_script, unicodedata.normalize("NFKC", words)) if script)


def _letters(words: str) -> str:
    """Words in lower case, nothing between them but one space."""
    kept = "".join(
        char if char.isalpha() or char == "'" or combining(char) else " " for char in words.replace("’", "'")
    )
    return " ".join(kept.lower().split())


def _is_vocables(words: str) -> bool:
    return all(word in VOCABLES for word in _letters(words).split())


def _main_script(words: str) -> str | None:
    """The script that decides a line's language, None without letters. East Asian letters win however few they
    are, since only their own language's cleaner can write them; kana make Han Japanese.
    """
    counts = _scripts(words)
    if counts["ja"]:
        counts["ja"] += counts.pop("han", 0)
    for group in (EAST_ASIAN, tuple(counts)):
        present = [script for script in group if counts[script]]
        if present:
            return max(present, key=lambda script: counts[script])
    return None


def is_east_asian(words: str) -> bool:
    """Whether there are letters that only the Chinese, Japanese and Korean cleaners can write."""
    return _main_script(words) in EAST_ASIAN


@lru_cache(maxsize=1)
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise EngineError(
            f"Finding the language of lyrics needs py3langid, which cannot be imported ({error}). "
            "Give the language, or install acestep-bridge with its `engine` extra."
        ) from error
    return LanguageIdentifier.from_pickled_model(MODEL_FILE)


def _likelihoods(words: str) -> dict[str, float]:
    """Log-likelihood of words in each of py3langid's languages, in nats; digits and symbols say nothing."""
    letters = _letters(words)
    scores = {name: float(score) for name, score in _identifier().rank(letters)}
    of_language = set(letters.split())
    for name, common in COMMON_WORDS.items():
        scores[name] += WORD_NATS * len(of_language & common)
    return scores


def _song_language(words: str) -> str:
    """The language of all Latin lines together. One without a token must be clearly ahead of those with one."""
    scores = _likelihoods(words)
    scores[DEFAULT] += ENGLISH_NATS
    ours = _likeliest(scores, LATIN_LANGUAGES)
    best = _likeliest(scores, frozenset(scores))
    return best if scores[best] > scores[ours] + SONG_NATS else ours


def _second_languages(lines: Sequence[dict[str, float]], song: str) -> set[str]:
    """Languages that at least one line is clearly in, beside the song's own."""
    languages = {line_best for line in lines if line[line_best := _likeliest(line)] > line[song] + SONG_NATS}
    return languages - {song}


def _likeliest(scores: dict[str, float], languages: frozenset[str] = LATIN_LANGUAGES) -> str:
    return max(sorted(languages), key=lambda name: scores[name])


def _latin_languages(words: Sequence[str]) -> list[str]:
    """A language for each Latin line of one text: what the line says, and a head start for the song's languages."""
    if not words:
        return []
    song = _song_language(" ".join(words))
    lines = [_likelihoods(line) for line in words]
    second = _second_languages(lines, song)
    for line in lines:
        line[song] += SONG_NATS
        for name in second:
            line[name] += SECOND_NATS
    languages = [_likeliest(line, LATIN_LANGUAGES | {song}) for line in lines]
    return [name if name in LATIN_LANGUAGES else DEFAULT for name in languages]


def _han_language(scripts: Sequence[str | None]) -> str:
    """Lines of nothing but Han are Japanese in a text that has kana on at least as many lines."""
    return "ja" if scripts.count("ja") and scripts.count("ja") >= scripts.count("han") else "zh"


def _of_script(script: str | None, han: str) -> str | None:
    if script == "han":
        return han
    return DEFAULT if script == "other" else script


def _nearest(languages: Sequence[str | None], index: int) -> str:
    """The language of the nearest line that has one, the line before if two are as near."""
    for distance in range(1, len(languages)):
        for neighbour in (index - distance, index + distance):
            if 0 <= neighbour < len(languages):
                language = languages[neighbour]
                if language is not None:
                    return language
    return DEFAULT


def detect_languages(lines: Sequence[str]) -> list[str]:
    """A language of the vocabulary for each line (stripped, no line end in it).

    Blank lines, structure tags and lines without letters take the language of the nearest line that has one.
    """
    words = [without_tags(line) for line in lines]
    scripts = [None if _is_vocables(line) else _main_script(line) for line in words]
    latin = [index for index, script in enumerate(scripts) if script == "latin"]
    languages: list[str | None] = [_of_script(script, _han_language(scripts)) for script in scripts]
    for index, language in zip(latin, _latin_languages([words[index] for index in latin]), strict=True):
        languages[index] = language
    return [language or _nearest(languages, index) for index, language in enumerate(languages)]
