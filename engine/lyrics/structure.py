"""The shape of lyrics: lines, structure tags such as `[verse]`, and texts that say that nothing is sung.

Knows no languages and no tokens.
"""

from __future__ import annotations

import re

INSTRUMENTAL = frozenset({"", "[inst]", "[instrumental]"})

_TAG_AT_START = re.compile(r"\[.*?\]")
_TAGS_AT_START = re.compile(r"(?:\[.*?\]\s*)+")
_TAG = re.compile(r"\[[^\]]*\]")


def is_instrumental(text: str) -> bool:
    """Whether lyrics say that nothing is sung: empty, or one `[inst]` or `[instrumental]` and nothing else."""
    return text == "" or text.strip().lower() in INSTRUMENTAL - {""}


def split_lines(text: str) -> list[str]:
    """Lines without the white space around them; Windows line ends leave nothing behind."""
    return [line.strip() for line in text.split("\n")]


def starts_with_tag(line: str) -> bool:
    """Whether a structure tag opens the line; such a line is encoded as English, as in training."""
    return _TAG_AT_START.match(line) is not None


def split_tag(line: str) -> tuple[str, str]:
    """The tags that open a line, and the words behind them: ("[verse]", "hello"); ("", line) without a tag."""
    tag = _TAGS_AT_START.match(line)
    end = tag.end() if tag else 0
    return line[:end].strip(), line[end:].strip()


def without_tags(line: str) -> str:
    """The words of a line, for finding its language: structure tags count for nothing."""
    return _TAG.sub(" ", line)
