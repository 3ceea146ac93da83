"""OSC 1.0 address patterns: which addresses a pattern means. Knows no address of ours.

`?` is any character, `*` any number of them, `[a-c]` one of these, `[!a-c]` one of the others, `{red,green}` one of
these words; none of them crosses a slash. A pattern is followed place by place, so none takes long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

SPECIAL = frozenset("?*[]{}")
MAX_PATTERN = 512
_TOKEN = re.compile(r"\*+|\?|\[[^\[\]/]+\]|\{[^{}\[\]/]*\}|[^?*\[\]{}]")

Token = Callable[[str, set[int]], set[int]]  # a text and the places reached in it: the places after this token


class BadPattern(Exception):
    """A bracket without its other half, or a pattern that is too long."""


def is_pattern(path: str) -> bool:
    """Whether an address holds characters that no address has."""
    return not SPECIAL.isdisjoint(path)


def matching(pattern: str, paths: Iterable[str]) -> list[str]:
    """The addresses that a pattern means, in their order. Raises BadPattern."""
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"a pattern of {len(pattern)} characters, at most {MAX_PATTERN}")
    parts = [_tokens(part) for part in pattern.split("/")]
    split = ((path, path.split("/")) for path in paths)
    return [path for path, names in split if len(names) == len(parts) and all(map(_is_whole, parts, names))]


def _is_whole(tokens: list[Token], text: str) -> bool:
    places = {0}
    for token in tokens:
        places = token(text, places)
    return len(text) in places


def _tokens(part: str) -> list[Token]:
    found, at = [], 0
    while at < len(part):
        token = _TOKEN.match(part, at)
        if token is None:
            raise BadPattern(f"{part[at:]!r}: brackets come in pairs, and not in each other")
        found.append(_token(token[0]))
        at = token.end()
    return found


def _token(text: str) -> Token:
    if text[0] == "*":
        return lambda name, places: set(range(min(places), len(name) + 1)) if places else places
    if text == "?":
        return lambda name, places: {at + 1 for at in places if at < len(name)}
    if len(text) > 1 and text[0] == "[":
        chosen, wanted = _characters(text[1:-1].removeprefix("!")), not text.startswith("[!")
        return lambda name, places: {at + 1 for at in places if at < len(name) and (name[at] in chosen) == wanted}
    words = text[1:-1].split(",") if len(text) > 1 else [text]
    return lambda name, places: {at + len(word) for word in words for at in places if name.startswith(word, at)}


def _characters(text: str) -> frozenset[str]:
    """`a-c` is three characters; a minus at an end is itself."""
    found, at = set(), 0
    while at < len(text):
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            first, last = ord(text[at]), ord(text[at + 2])
            found |= (
                {chr(code) for code in range(min(first, last), max(first, last) + 1)} if last - first < 256 else set()
            )
            at += 3
        else:
            found.add(text[at])
            at += 1
    return frozenset(found)
