"""Lyrics to ids of v1's lyric vocabulary: the order of the steps, and errors that name the line.

Knows no network. The layout of the ids: 261, then each line's ids and a 2; a blank line is a 2 alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.constants import MAX_LYRIC_TOKENS
from engine.errors import EngineError, InvalidRequest
from engine.lyrics.cleaning import clean
from engine.lyrics.detect import DEFAULT, detect_languages, is_east_asian
from engine.lyrics.languages import language_code
from engine.lyrics.structure import is_instrumental, split_lines, split_tag, starts_with_tag
from engine.lyrics.tokenizer import LINE_END_TOKEN, SILENCE_TOKEN, START_TOKEN, load_tokenizer, tokenize
from engine.lyrics.vocabulary import find_vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SHOWN_CHARACTERS = 60
MAX_CHARACTERS = 50 * MAX_LYRIC_TOKENS  # far more than the tokens can hold: not even tried


@dataclass(frozen=True)
class LyricTokens:
    """What the lyric encoder reads: `ids` and `mask` (L,), the mask 1 where there is something to read.

    `languages` are those of the lines, in order, None for a blank one; empty when nothing is sung.
    """

    ids: tuple[int, ...]
    mask: tuple[int, ...]
    languages: tuple[str | None, ...] = ()


SILENCE = LyricTokens((SILENCE_TOKEN,), (0,))


@dataclass(frozen=True)
class _Line:
    number: int  # in the text as given, from 1
    text: str
    language: str


def _unusable(line: str, number: int | None, reason: str) -> InvalidRequest:
    shown = repr(line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "...")
    place = f"line {number}, {shown}," if number else f"the line {shown}"
    return InvalidRequest(
        "lyrics",
        f"{place} which cannot be encoded ({reason})",
        "text that the lyric vocabulary can write",
        "Respell the line or take it out.",
    )


def _check_characters(line: str, number: int | None = None) -> None:
    """Half of a surrogate pair is no character: neither the packages nor the tokenizer take it."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError as error:
        bad = f"U+{ord(line[error.start]):04X}"
        raise _unusable(line, number, f"character {error.start + 1}, {bad}, is half of a pair") from error


def _encode(line: str, language: str, tokenizer: Tokenizer, number: int | None = None) -> list[int]:
    try:
        return tokenize(clean(line, language), language, tokenizer)
    except EngineError:
        raise
    except Exception as error:  # any of five language packages; the reference drops the line here
        raise _unusable(line, number, f"as {language}: {type(error).__name__}: {error}") from error


def encode_line(text: str, language: str, vocabulary: Path | str | None = None) -> list[int]:
    """Ids of one line in a language, its language token first, no line end; [] for a blank line.

    Raises InvalidRequest for a language without a token or a line that cannot be encoded, CheckpointError if
    there is no `vocabulary` file (default: where `find_vocabulary` finds it).
    """
    code = language_code(language)
    line = text.strip()
    _check_characters(line)
    tokenizer = load_tokenizer(vocabulary or find_vocabulary())
    return _encode(line, code, tokenizer) if line else []


def _lines(text: str, language: str | None) -> Iterator[_Line]:
    """The lines to encode. Those that a tag opens are English, but East Asian words behind the tag, which English
    could only write as unknown tokens, become a line of their own.
    """
    lines = split_lines(text)
    for number, line in enumerate(lines, start=1):
        _check_characters(line, number)
    apart = [split_tag(line) for line in lines]
    languages = [language] * len(lines) if language else detect_languages([words for _, words in apart])
    for number, (line, (tag, words), code) in enumerate(zip(lines, apart, languages, strict=True), start=1):
        if not starts_with_tag(line):
            yield _Line(number, line, code)
        elif is_east_asian(words) and code in ("zh", "ja", "ko"):
            yield _Line(number, tag, DEFAULT)
            yield _Line(number, words, code)
        else:
            yield _Line(number, line, DEFAULT)


def _too_long(got: str) -> InvalidRequest:
    return InvalidRequest(
        "lyrics",
        got,
        f"at most {MAX_LYRIC_TOKENS:,} tokens",
        "Shorten the lyrics, or give only the words of the part that is regenerated.",
    )


def _check_length(count: int, number: int) -> None:
    if count > MAX_LYRIC_TOKENS:
        raise _too_long(f"{count:,} tokens or more (the limit is passed in line {number})")


def _encode_all(
    text: str, language: str | None, vocabulary: Path | str | None, limited: bool
) -> tuple[list[int], list[str | None]]:
    code = language_code(language) if language else None
    tokenizer = load_tokenizer(vocabulary or find_vocabulary())
    ids = [START_TOKEN]
    languages: list[str | None] = []
    for line in _lines(text, code):
        languages.append(line.language if line.text else None)
        if line.text:
            ids += _encode(line.text, line.language, tokenizer, line.number)
        ids.append(LINE_END_TOKEN)
        if limited:
            _check_length(len(ids), line.number)
    return ids, languages


def encode_lyrics(text: str, language: str | None = None, vocabulary: Path | str | None = None) -> LyricTokens:
    """Ids and mask of a whole text; "", `[inst]` and `[instrumental]` give the one masked token of silence.

    `language` None finds it line by line. Raises InvalidRequest (`lyrics`: a line that cannot be encoded, or more
    than 4,096 tokens; `language`: no token for it) and CheckpointError (no vocabulary).
    """
    if is_instrumental(text):
        return SILENCE
    if len(text) > MAX_CHARACTERS:
        raise _too_long(f"{len(text):,} characters")
    ids, languages = _encode_all(text, language, vocabulary, limited=True)
    return LyricTokens(tuple(ids), (1,) * len(ids), tuple(languages))


def count_tokens(text: str, language: str | None = None, vocabulary: Path | str | None = None) -> int:
    """How many tokens a text has, however many that is; 1 when nothing is sung. Errors as `encode_lyrics`."""
    if is_instrumental(text):
        return len(SILENCE.ids)
    return len(_encode_all(text, language, vocabulary, limited=False)[0])
