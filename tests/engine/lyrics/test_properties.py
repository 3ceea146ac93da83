"""Any Unicode text gives ids or an InvalidRequest, whatever the language."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import InvalidRequest
from engine.lyrics import LANGUAGES, encode_line, encode_lyrics
from tests.support.examples import examples
from tests.support.lyrics_material import released_vocabulary

VOCABULARY_SIZE = 6693

# Pieces that the cleaners have rules for, among anything at all.
NUMBERS = "0 7 12 1999 1,234 1.234,5 50% 3/4 1st 2. 1º 番 年 $ 20€ £7 ° & # @ [verse] [ ] mr. 第1 ٥٠ ５０ ²"
WORDS = "你好 世界 こんにちは 東京 사랑해 Привет أحبك मैं hello été İı ß ﬁ ♪ 😀 𝔞 \u200b \u0301 \t \r \x00"
PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*NUMBERS.split(" "), *WORDS.split(" ")]),
    st.text(st.characters(categories=["Cs", "Nd", "Nl", "No", "Mn", "Sc"]), max_size=6),
)
LINES = st.lists(PIECES, max_size=8).map(" ".join)


@pytest.fixture(scope="module")
def vocabulary() -> Path:
    return released_vocabulary()


@examples(150)
@given(line=LINES.map(lambda line: line.replace("\n", " ")), language=st.sampled_from(LANGUAGES))
@example(line="9" * 5000, language="en")
@example(line="$" + "9" * 400 + ".5", language="de")
@example(line="1" * 50 + "," + "2" * 300, language="pl")
@example(line="\ud83d", language="ja")
def test_any_line_gives_ids_or_an_invalid_request(vocabulary: Path, line: str, language: str) -> None:
    try:
        ids = encode_line(line, language, vocabulary)
    except InvalidRequest as error:
        assert error.field == "lyrics"
        return
    assert all(0 <= token < VOCABULARY_SIZE for token in ids)
    assert bool(ids) == bool(line.strip())


@examples(150)
@given(text=st.lists(LINES, max_size=6).map("\n".join))
@example(text="a\x0b\x1c\u2028b")
def test_any_text_gives_a_start_and_an_end_for_each_line_or_an_invalid_request(vocabulary: Path, text: str) -> None:
    try:
        tokens = encode_lyrics(text, vocabulary=vocabulary)
    except InvalidRequest as error:
        assert error.field == "lyrics"
        return
    assert len(tokens.mask) == len(tokens.ids)
    if tokens.mask != (0,):
        assert tokens.ids[0] == 261 and tokens.ids[-1] == 2
        assert len(tokens.languages) >= text.count("\n") + 1
