"""One line of lyrics as it is sung: the steps of v1's cleaner in their order. Knows no tokens.

Source: behaviour of the public ACE-Step v1, as recorded in tests/golden/lyric_lines.json.
"""

from __future__ import annotations

import re

from engine.lyrics import chinese
from engine.lyrics.abbreviations import expand_abbreviations
from engine.lyrics.numbers import spell_numbers
from engine.lyrics.scripts import ROMANIZERS
from engine.lyrics.symbols import expand_symbols

_SPACES = re.compile(r"\s+")
_TURKISH_CAPITALS = str.maketrans({"İ": "i", "Ö": "ö", "Ü": "ü"})  # lower() would give i and a combining dot


def _tidy(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _lower(text: str, language: str) -> str:
    return (text.translate(_TURKISH_CAPITALS) if language == "tr" else text).lower()


def _spell_numbers(text: str, language: str) -> str:
    if language == "zh":
        return chinese.pauses(chinese.spell_numbers(text))
    return spell_numbers(text, language)


def spell_out(text: str, language: str) -> str:
    """Numbers, abbreviations and symbols in words, in lower case, with single spaces; still in its own script."""
    text = _lower(text.replace('"', ""), language)
    text = _spell_numbers(text, language)
    text = expand_abbreviations(text, language)
    return _tidy(expand_symbols(text, language))


def clean(text: str, language: str) -> str:
    """The line in the letters that the lyric vocabulary has. Hindi is only lower-cased, Japanese only romanised."""
    if language == "hi":
        return _tidy(text.lower())
    if language != "ja":
        text = spell_out(text, language)
    romanize = ROMANIZERS.get(language)
    return _tidy(romanize(text) if romanize else text)
