"""The 17 languages that v1's lyric vocabulary has a token for, and how a request may name them. Knows no text."""

from __future__ import annotations

from engine.errors import InvalidRequest

# language -> the token that opens its lines (the vocabulary writes Chinese as zh-cn)
LINE_TOKENS = {
    "en": "[en]",
    "de": "[de]",
    "fr": "[fr]",
    "es": "[es]",
    "it": "[it]",
    "pt": "[pt]",
    "pl": "[pl]",
    "tr": "[tr]",
    "ru": "[ru]",
    "cs": "[cs]",
    "nl": "[nl]",
    "ar": "[ar]",
    "zh": "[zh-cn]",
    "ja": "[ja]",
    "hu": "[hu]",
    "ko": "[ko]",
    "hi": "[hi]",
}

LANGUAGES = tuple(LINE_TOKENS)


def language_code(name: str) -> str:
    """The code of a language as a request gives it: `EN`, `pt-BR` and `zh_CN` are en, pt and zh.

    Raises InvalidRequest (field `language`) for a language that the vocabulary has no token for.
    """
    code = name.strip().lower().replace("_", "-").split("-")[0]
    if code in LINE_TOKENS:
        return code
    raise InvalidRequest(
        "language",
        repr(name),
        "one of " + ", ".join(LANGUAGES),
        "Leave the language out to have it found line by line, or give one of these.",
    )
