"""The text of a REAPER project as a tree of lines and blocks that knows where each one stands.

A block opens with a line `<TAG words...`, closes with a line `>`; everything else is a line. Offsets count
characters of the text, which is the file decoded as UTF-8 with surrogateescape, so every byte survives.
Knows no tracks or takes (`project_file`), no meaning of any word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import rpp

from bridge.rpp.errors import ProjectRefused

QUOTES = "\"'`"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LINE_END = re.compile(r"[\x00\n\r]")
_OTHER_LINE_ENDS = re.compile("[\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_REMEDY = "Open it in REAPER, save it again, and use that file."
_BACKUP = "Use a backup: REAPER keeps one beside it (.RPP-bak), and perhaps more in its Backups folder."
_WRONG_FILE = "Name the .RPP file that REAPER's File > Save writes."


@dataclass(frozen=True)
class Line:
    """One line. `end` is behind its newline; `content` has no newline and no indentation."""

    start: int
    end: int
    content: str
    content_start: int = 0

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The line's words without their quotes. Raises ProjectRefused where a quote is not closed."""
        return tuple(word for word, _, _ in split_words(self.content))

    @property
    def key(self) -> str:
        return next(iter(self.content.split(maxsplit=1)), "")  # of a vertical tab alone, too


@dataclass
class Block:
    """A block: `opening` line, children in order, and the `closing` line that holds `>`."""

    opening: Line
    children: list[Line | Block] = field(default_factory=list)
    closing: Line = field(default_factory=lambda: Line(0, 0, ""))

    @property
    def key(self) -> str:
        return self.opening.key.removeprefix("<")

    @property
    def words(self) -> tuple[str, ...]:
        return self.opening.words

    def lines(self, key: str) -> list[Line]:
        """Direct lines with this key."""
        return [child for child in self.children if isinstance(child, Line) and child.key == key]

    def blocks(self, key: str) -> list[Block]:
        """Direct blocks with this tag."""
        return [child for child in self.children if isinstance(child, Block) and child.key == key]

    def line(self, key: str) -> Line | None:
        return next(iter(self.lines(key)), None)

    def walk(self) -> Iterator[Block]:
        """This block and all below it, in the order of the text."""
        yield self
        for child in self.children:
            if isinstance(child, Block):
                yield from child.walk()


@dataclass(frozen=True)
class Edit:
    """`removed` at `offset` of the old text becomes `inserted`. Applied and undone by `apply` and `undo`."""

    offset: int
    removed: str
    inserted: str


def split_words(content: str) -> list[tuple[str, int, int]]:
    """Words of a line with where they stand in it, quotes included: [(word, start, end)]."""
    words: list[tuple[str, int, int]] = []
    position = 0
    while position < len(content):
        if content[position].isspace():
            position += 1
            continue
        start = position
        if content[position] in QUOTES:
            end = content.find(content[position], position + 1)
            if end < 0:
                raise refused("line", f"an open quote in {content[:80]!r}", "a closed quote")
            words.append((content[start + 1 : end], start, end + 1))
            position = end + 1
        else:
            while position < len(content) and not content[position].isspace():
                position += 1
            words.append((content[start:position], start, position))
    return words


def number(line: Line, index: int = 1, default: float | None = None) -> float:
    """A finite number of a line. Raises ProjectRefused when it is missing (and no default) or no number."""
    words = line.words
    if index >= len(words) and default is not None:
        return default
    try:
        value = float(words[index])
    except (IndexError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise refused(line.key, repr(line.content[:60]), f"a number as word {index}")
    return value


def decimal(value: float) -> str:
    """A number as REAPER writes it: plain decimals, no exponent."""
    text = f"{value:.14f}".rstrip("0").rstrip(".")
    return text if text not in ("-0", "") else "0"


def readable(word: str) -> str:
    """A word for people: bytes that are not UTF-8 are read as Windows-1252, in which old projects are saved."""
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        return word.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return word


def quote(word: str) -> str:
    """A word as REAPER writes it, always in quotes. Raises ProjectRefused for all three marks, and for two lines."""
    if _LINE_END.search(word):
        raise refused("name", f"{word!r}, which has a line end", "one line of text", "Rename it.")
    for mark in QUOTES:
        if mark not in word:
            return f"{mark}{word}{mark}"
    raise refused("name", f"{word!r} with all of \" ' `", "at most two of these marks", "Rename it.")


def clean_name(name: str) -> str:
    """A take's or track's name that every reader of project files understands: one line, no double quotes."""
    return _CONTROL.sub(" ", name).replace('"', "'").replace("`", "'").strip()


def refused(field_name: str, got: str, expected: str, remedy: str = _REMEDY) -> ProjectRefused:
    return ProjectRefused(field_name, got, expected, remedy)


def word_edit(line: Line, index: int, word: str) -> Edit:
    """The line with another word in this place, which it must have; all else in it stays."""
    _, start, end = split_words(line.content)[index]
    return Edit(line.content_start + start, line.content[start:end], word)


def apply(text: str, edits: tuple[Edit, ...]) -> str:
    """The text with all edits, whose offsets all count in the given text."""
    in_order = sorted(edits, key=lambda e: e.offset)
    for edit in in_order[::-1]:  # from the end; edits at one place stay in their order
        end = edit.offset + len(edit.removed)
        if text[edit.offset : end] != edit.removed:
            raise refused("project", "an edit that does not match its text", "the text it was made for")
        text = text[: edit.offset] + edit.inserted + text[end:]
    return text


def undo(text: str, edits: tuple[Edit, ...]) -> str:
    """The text as it was before `apply(text, edits)`."""
    for edit in sorted(edits, key=lambda e: e.offset):
        # everything before this edit is the old text again, so its old offset holds
        text = text[: edit.offset] + edit.removed + text[edit.offset + len(edit.inserted) :]
    return text


def parse(text: str) -> Block:
    """The project's root block. Raises ProjectRefused when the text is not one whole, well-formed project."""
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        got = f"a file with NUL characters, the first in line {line} (damaged on its disk, or saved by another program)"
        raise refused("project", got, "text, as REAPER saves it", _BACKUP)
    root = _tree(text)
    if root.key != "REAPER_PROJECT":
        got = f"a file that begins with {root.opening.content[:40]!r}"
        raise refused("project", got, "a project, which begins with <REAPER_PROJECT", _WRONG_FILE)
    _second_opinion(text, root)
    return root


def _lines(text: str) -> Iterator[Line]:
    start = 0
    while start < len(text):
        newline = text.find("\n", start)
        end = len(text) if newline < 0 else newline + 1
        content = text[start:end].removesuffix("\n").rstrip("\r")
        if "\r" in content:
            raise refused("project", "a carriage return inside a line", "lines that end in LF or CRLF")
        body = content.lstrip(" \t\ufeff") if start == 0 else content.lstrip(" \t")
        yield Line(start, end, body.rstrip(" \t"), start + len(content) - len(body))
        start = end


def _tree(text: str) -> Block:
    stack: list[Block] = []
    root: Block | None = None
    for number, line in enumerate(_lines(text), start=1):
        if root is not None and not stack:
            if line.content:
                raise refused("project", f"text after the end of the project, line {number}", "nothing there")
        elif line.content.startswith("<"):
            block = Block(line)
            if stack:
                stack[-1].children.append(block)
            else:
                root = block
            stack.append(block)
        elif not stack:
            got = f"a file that begins with {line.content[:40]!r} (line {number})"
            raise refused("project", got, "a project, which begins with <REAPER_PROJECT", _WRONG_FILE)
        elif line.content.startswith(">"):
            if line.content != ">":
                raise refused("project", f"{line.content[:40]!r} in line {number}", "a > alone in its line")
            stack.pop().closing = line
        else:
            stack[-1].children.append(line)
    if root is None:
        raise refused("project", "an empty file", "a project as REAPER saves it", _BACKUP)
    if stack:
        begun = text.count("\n", 0, stack[-1].opening.start) + 1
        got = f"a file that is cut off: it ends inside <{stack[-1].key}, which begins in line {begun}"
        raise refused("project", got, "a whole project, with all blocks closed", _BACKUP)
    return root


def _second_opinion(text: str, root: Block) -> None:
    """The PyPI parser must see the same blocks in the same order, else somebody misreads this file."""
    try:
        tree = rpp.loads(_plain(text))
    except (ValueError, IndexError, RecursionError) as error:
        raise refused("project", f"text that the parser rpp refuses ({error})", "a well-formed project") from error
    theirs = [element.tag for element in _elements(tree)]
    ours = [block.key for block in root.walk()]
    if theirs != ours:
        raise refused("project", "blocks on which two parsers disagree", "a well-formed project")


def _plain(text: str) -> str:
    """The text without what that parser knows nothing of and REAPER allows: empty lines, quotes that stay open."""
    contents = (_OTHER_LINE_ENDS.sub(" ", line.content) for line in _lines(text))
    return "".join(f"{_closed(content)}\n" for content in contents if content.strip())


def _closed(content: str) -> str:
    try:
        split_words(content)
    except ProjectRefused:
        return content if content.startswith("<") else "OPEN_QUOTE"
    return content


def _elements(element: rpp.Element) -> Iterator[rpp.Element]:
    yield element
    for child in element.children:
        if isinstance(child, rpp.Element):
            yield from _elements(child)
