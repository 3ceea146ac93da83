"""Two hundred lines as people write them: most words are known, no line is empty to the model, none breaks it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.training.music.tags import all_phrases
from engine.training.music.vocabulary import TEXT_LENGTH, VOCABULARY_SIZE, make_tokenizer

LINES = (Path(__file__).parent / "tag_lines.txt").read_text(encoding="utf-8").splitlines()
SAYS_NOTHING = {"<unk>", "<num>", "bpm", "</s>"}


def test_there_are_two_hundred_lines_of_their_own() -> None:
    assert len(set(LINES)) == len(LINES) >= 200


def test_three_words_of_four_are_known_and_every_line_says_something() -> None:
    tokenizer = make_tokenizer(all_phrases())
    assert tokenizer.get_vocab_size() <= VOCABULARY_SIZE
    encoded = [tokenizer.encode(line) for line in LINES]
    unknown = [np.mean([token == "<unk>" for token in line.tokens[:-1]]) for line in encoded]
    assert np.mean(unknown) < 0.25
    assert [line for line, e in zip(LINES, encoded, strict=True) if not set(e.tokens) - SAYS_NOTHING] == []
    assert max(len(line.ids) for line in encoded) <= TEXT_LENGTH


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ("Dark techno, 130bpm", ["dark", "techno", "<num>", "bpm"]),
        ("C#m, trap, hi-hats", ["c#minor", "trap", "<unk>", "drums"]),
        ("Rhodes & sax, lofi", ["electric", "piano", "lead", "lo", "fi"]),
        ("Db minor", ["c#minor"]),
        ("C sharp min, house", ["c#minor", "house"]),
        ("dnb; B♭ major", ["drums", "and", "bass", "a#major"]),
    ],
)
def test_words_come_out_as_those_of_the_training(tags: str, words: list[str]) -> None:
    assert make_tokenizer(all_phrases()).encode(tags).tokens[:-1] == words
