"""Keys in a field of their own, as people, German books and DJ programs write them."""

from __future__ import annotations

from dataclasses import replace

import pytest

import engine
from engine.families.v1.reader import Place, Reader, full_tags
from engine.grid.harmony import VOCABULARY
from engine.grid.key_spelling import spelled_key
from engine.requests import resolve
from tests.support.golden_runs import networks

CONFIG = networks().config
ROWS = {
    "f#m": "F# minor",
    "F\u266f minor": "F# minor",
    "A": "A major",
    "a moll": "A minor",
    "a minor": "A minor",
    "Bb major": "Bb major",
    "bb min.": "Bb minor",
    "CM": "C major",
    "c sharp": "C# major",
    "E flat minor": "Eb minor",
    "G-flat Maj": "Gb major",
    "fis-Moll": "F# minor",
    "Es-Dur": "Eb major",
    "As Dur": "Ab major",
    "H-moll": "B minor",
    "B-Dur": "Bb major",
    "B major": "B major",
    "Des": "Db major",
    "bes": "Bb major",
    "8A": "A minor",
    "8b": "C major",
    "1A": "Ab minor",
    "12B": "E major",
    "4 a": "F minor",
    "1m": "A minor",
    "12d": "F major",
    "A aeolian": "A minor",
}


@pytest.mark.parametrize("given", ROWS)
def test_a_key_is_spelled_as_models_know_it(given: str) -> None:
    assert spelled_key(given) == ROWS[given]


@pytest.mark.parametrize("given", ["banana", "D dorian", "?", "", "13A", "0B", "A minor B", "in A", "\u00bd"])
def test_what_is_no_key_is_none(given: str) -> None:
    assert spelled_key(given) is None


@pytest.mark.parametrize(
    ("given", "tags"), [("8A", "house, A minor"), ("a minor", "house, a minor"), ("D dorian", "house, D dorian")]
)
def test_tags_get_words_that_models_know(given: str, tags: str) -> None:
    assert full_tags(resolve(engine.TextToAudio(tags="house", seed=1, key=given)), None, 0.0, CONFIG) == tags


def test_a_model_that_reads_chords_says_what_is_no_key() -> None:
    request = resolve(engine.TextToAudio(tags="house", seed=1, key="banana"))
    reader = Reader(request, replace(CONFIG, lyric_input="chord_grid", lyric_encoder_vocab_size=VOCABULARY))
    reader.words(Place(0.0, 4))
    reader.words(Place(4.0, 4))
    assert len(reader.warnings) == 1 and reader.warnings[0].startswith("key: 'banana' is no key")
