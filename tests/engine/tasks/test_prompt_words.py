"""Tags from prompts in plain words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tasks.prompt_words import NO_LYRICS, write_from_prompt


@pytest.mark.parametrize(
    ("prompt", "tags"),
    [
        ("A dreamy lofi hiphop beat with piano at 80 bpm", "lo-fi, hip hop, dreamy, piano, 80 bpm"),
        ("Fast drum & bass in F sharp minor, 174 BPM", "drum and bass, fast, 174 bpm, F# minor"),
        ("warm acoustic guitar ballad, no drums", "ballad, warm, acoustic guitar"),
        ("sad song in Bb minor for violins", "sad, violin, Bb minor"),
        ("deep house", "deep house"),
        ("epic orchestral soundtrack with choir and french horn", "orchestral, soundtrack, epic, choir, french horn"),
    ],
)
def test_known_words_become_tags(prompt, tags):
    written = write_from_prompt(prompt, instrumental=True)
    assert written.tags == tags
    assert written.lyrics == "[inst]"
    assert tags in written.warnings[0]


def test_a_song_without_a_language_model_is_an_instrumental_and_says_so():
    assert NO_LYRICS in write_from_prompt("a pop song about rain", instrumental=False).warnings
    assert NO_LYRICS not in write_from_prompt("a pop song about rain", instrumental=True).warnings
    assert NO_LYRICS not in write_from_prompt("instrumental pop", instrumental=False).warnings


def test_an_unknown_prompt_is_its_own_tag():
    written = write_from_prompt("  qwertz\n asdf ", instrumental=True)
    assert written.tags == "qwertz asdf"
    assert "itself is the tag" in written.warnings[-1]


@given(st.text(min_size=1).filter(str.strip))
def test_every_prompt_gives_tags(prompt):
    assert write_from_prompt(prompt, instrumental=False).tags.strip() or not prompt.split()
