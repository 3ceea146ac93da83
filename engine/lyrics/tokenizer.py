"""Cleaned text to ids of the lyric vocabulary, a BPE in the format of the `tokenizers` library.

Knows no languages' rules: the text that comes in is already spelled out.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import CheckpointError
from engine.lyrics.languages import LINE_TOKENS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SILENCE_TOKEN = 0  # with mask 0: nothing is sung
LINE_END_TOKEN = 2  # also a space inside a line
START_TOKEN = 261
UNKNOWN_TOKEN = 1


@lru_cache(maxsize=4)
def _load(path: Path, modified_ns: int) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception for a file that it cannot read
        raise CheckpointError(
            f"The lyric vocabulary {path} cannot be read ({error}); expected a tokenizer in JSON. "
            "Get it again with `acestep-bridge models pull ace-step-v1`."
        ) from error


def load_tokenizer(path: Path | str) -> Tokenizer:
    """The tokenizer in a vocabulary file, read once for each version of the file."""
    resolved = Path(path).resolve()
    try:
        modified_ns = resolved.stat().st_mtime_ns
    except OSError as error:
        raise CheckpointError(f"The lyric vocabulary {path} cannot be read: {error}.") from error
    return _load(resolved, modified_ns)


def tokenize(cleaned: str, language: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of one cleaned line: the token of its language, then its pieces with `[SPACE]` between words."""
    marked = f"{LINE_TOKENS[language]}{cleaned}".replace(" ", "[SPACE]")
    ids: list[int] = tokenizer.encode(marked).ids
    return ids
