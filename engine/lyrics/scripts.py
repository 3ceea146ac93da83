"""Chinese, Korean and Japanese lines in Latin letters, which is how the lyric vocabulary writes them.

Each package is imported when its language comes up first. Knows no numbers and no tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from engine.errors import EngineError


def _missing(package: str, language: str, error: ImportError) -> EngineError:
    return EngineError(
        f"Lyrics in {language} need the package {package}, which cannot be imported ({error}). "
        "Install acestep-bridge with its `engine` extra."
    )


def pinyin(text: str) -> str:
    """Characters to syllables with tone digits, the neutral tone as 5: 我们 becomes wo3men5."""
    try:
        import pypinyin
    except ImportError as error:
        raise _missing("pypinyin", "Chinese", error) from error
    syllables = pypinyin.pinyin(text, style=pypinyin.Style.TONE3, heteronym=False, neutral_tone_with_five=True)
    return "".join(syllable[0] for syllable in syllables)


@lru_cache(maxsize=1)
def _hangul() -> Any:
    try:
        from hangul_romanize import Transliter
        from hangul_romanize.rule import academic
    except ImportError as error:
        raise _missing("hangul-romanize", "Korean", error) from error
    return Transliter(academic)


def romanize_hangul(text: str) -> str:
    """Hangul to letters by the academic rules: 오늘밤 becomes oneulbam."""
    romanized: str = _hangul().translit(text)
    return romanized


@lru_cache(maxsize=1)
def _cutlet() -> Any:
    try:
        import cutlet
    except ImportError as error:
        raise _missing("cutlet", "Japanese", error) from error
    return cutlet.Cutlet()  # loads a dictionary


def romaji(text: str) -> str:
    """Japanese to Hepburn letters, in lower case: 歌う becomes utau."""
    romanized: str = _cutlet().romaji(text)
    return romanized.lower()


ROMANIZERS: dict[str, Callable[[str], str]] = {"zh": pinyin, "ko": romanize_hangul, "ja": romaji}
