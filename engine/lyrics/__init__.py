"""Text to v1's lyric token ids. Knows no torch and no network; language packages load when their language comes up."""

from __future__ import annotations

from engine.lyrics.encode import LyricTokens, count_tokens, encode_line, encode_lyrics
from engine.lyrics.languages import LANGUAGES, language_code
from engine.lyrics.structure import is_instrumental
from engine.lyrics.vocabulary import VOCABULARY_NAME, VOCABULARY_SHA256, check_vocabulary, find_vocabulary

__all__ = [
    "LANGUAGES",
    "VOCABULARY_NAME",
    "VOCABULARY_SHA256",
    "LyricTokens",
    "check_vocabulary",
    "count_tokens",
    "encode_line",
    "encode_lyrics",
    "find_vocabulary",
    "is_instrumental",
    "language_code",
]
