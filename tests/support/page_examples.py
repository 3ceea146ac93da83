"""The examples of README and docs: commands and Python in code blocks, commands in running text. Runs nothing.

``` blocks        lines that begin with `acestep-bridge` or `python3 run.py`; `\\` goes on in the next line
$ acestep-bridge  the same, and the lines behind it are what it prints; ... stands for anything
`acestep-bridge`  in a sentence: may lack arguments
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.paths import ROOT

PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
NOT_OURS = ("test", "setup")  # what run.py does itself
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(?:\.venv/bin/)?acestep-bridge ([^`]+)`")
_ASSIGNMENT = re.compile(r"[A-Z_][A-Z0-9_]*=")
_STARTS = re.compile(r"(?:\$ )?(?:\S+=\S+ )*(?:\.venv/bin/)?acestep-bridge |(?:\$ )?(?:python3|py) run\.py ")


@dataclass(frozen=True)
class Example:
    """A command of a page: its words behind the program's name, whether it is whole, what it is shown to print."""

    page: str
    words: tuple[str, ...]
    whole: bool = True
    output: str | None = None
    piped: bool = False

    @property
    def text(self) -> str:
        """As it is shown by pytest."""
        return f"{self.page}: {' '.join(self.words)}"


def commands() -> list[Example]:
    """Every command of every page, in the pages' order."""
    return [example for page in PAGES for example in commands_of(page, (ROOT / page).read_text(encoding="utf-8"))]


def commands_of(page: str, text: str) -> Iterator[Example]:
    """The commands of one page."""
    for language, block in _FENCE.findall(text):
        if language in ("", "sh", "bash"):
            yield from _in_block(page, block.replace("\\\n", " "))
    for words in _INLINE.findall(_FENCE.sub("", text)):
        yield Example(page, tuple(shlex.split(words.replace("\n", " "))), whole=False)


def python_blocks() -> list[tuple[str, str]]:
    """Page and source of each Python example."""
    texts = ((page, (ROOT / page).read_text(encoding="utf-8")) for page in PAGES)
    return [(page, block) for page, text in texts for language, block in _FENCE.findall(text) if language == "python"]


def _in_block(page: str, block: str) -> Iterator[Example]:
    lines = block.splitlines()
    for number, line in enumerate(lines):
        if not _STARTS.match(line):
            continue
        words = _split(line.removeprefix("$ "))
        end = next((n for n, word in enumerate(words) if set(word) <= set("|;&>")), len(words))
        own = _own_words(words[:end])
        if own:
            output = _output(lines[number + 1 :]) if line.startswith("$ ") else None
            yield Example(page, own, output=output, piped=end < len(words))


def _split(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&>")
    lexer.whitespace_split = True
    return list(lexer)


def _own_words(words: list[str]) -> tuple[str, ...]:
    """The words behind the program's name; none where run.py does it itself."""
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    words = words[1:] if words[0].endswith("acestep-bridge") else words[2:]
    return () if words and (words[0] in NOT_OURS or words[0] in ("--client", "--cpu", "--cuda")) else tuple(words)


def _output(lines: list[str]) -> str:
    shown = []
    for line in lines:
        if line.startswith("$ "):
            break
        shown.append(line)
    return "\n".join(shown).rstrip() + "\n"
