"""What a request says to a model: tags with tempo and key, lyrics of the context, the beat grid of a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from engine.families.v1.reader import NO_SINGING, Place, Reader, stem_tags
from engine.grid.beat_grid import TempoMap, beat_grid_ids
from engine.grid.beat_grid import TempoPoint as Point
from engine.grid.heard import Heard, estimate_tempo_map
from engine.requests import TempoPoint, resolve
from tests.support.golden_runs import networks

SINGS = networks().config
GRID = replace(SINGS, lyric_input="beat_grid")
PLACE = Place(2.0, 40)


def reader(config=GRID, **fields: object) -> Reader:
    request = engine.TextToAudio(**{"tags": "house", "seed": 1, **fields})
    return Reader(resolve(request), config)


def at(bpm: float, start: float = 0.0) -> tuple[int, ...]:
    return tuple(beat_grid_ids(TempoMap((Point(start, bpm),)), PLACE.start_seconds, PLACE.frames))


def clicks(bpm: float, first: float, seconds: float = 10.0, rate: int = 22050) -> np.ndarray:
    samples = np.zeros((1, round(seconds * rate)), dtype=np.float32)
    burst = np.random.default_rng(1).standard_normal(400).astype(np.float32) * np.exp(-np.arange(400) / 80)
    for time in np.arange(first, seconds - 0.1, 60 / bpm):
        position = round(time * rate)
        samples[0, position : position + 400] += burst
    return samples


def test_the_grid_comes_from_the_tempo_map_first() -> None:
    points = [TempoPoint(time=0.5, bpm=100.0)]
    assert reader(tempo_map=points, tags="house, 124 bpm").words(PLACE).lyric_ids == at(100.0, 0.5)


def test_then_from_the_short_form_then_from_the_tags() -> None:
    assert reader(tempo=90.0, downbeat_time=0.25).words(PLACE).lyric_ids == at(90.0, 0.25)
    assert reader(tags="house, 124 bpm").words(PLACE).lyric_ids == at(124.0)
    assert set(reader().words(PLACE).lyric_ids) == {0}


def test_then_from_the_music_around() -> None:
    found: list[float | None] = []

    class Asked(Heard):
        def tempo_map(self, bpm: float | None) -> TempoMap | None:
            found.append(bpm)
            return super().tempo_map(bpm)

    heard = Asked(lambda: clicks(120.0, 0.3), 22050, 1.0)
    with_tempo = reader(tags="house, 120 bpm").words(PLACE, heard).lyric_ids
    without = reader().words(PLACE, heard).lyric_ids
    assert found == [120.0, None]
    for ids in (with_tempo, without):
        beats = {(i - 1) % 16 for i in ids}
        wanted = {(i - 1) % 16 for i in at(120.0, 1.3)}
        assert len(beats ^ wanted) <= len(wanted)
        assert ids != at(120.0)


def test_silence_has_no_tempo() -> None:
    assert estimate_tempo_map(np.zeros((1, 44100), dtype=np.float32), 22050, 0.0, None) is None


def test_lyrics_of_a_model_that_does_not_sing_are_a_warning() -> None:
    it = reader(lyrics="[verse]\nHello there")
    it.words(PLACE)
    it.words(PLACE)
    assert it.warnings == [NO_SINGING]
    quiet = reader(lyrics="[inst]")
    quiet.words(PLACE)
    assert quiet.warnings == []


def test_tempo_and_key_join_the_tags_unless_they_are_there() -> None:
    assert reader(SINGS, tempo=124.0, key="A minor").words(PLACE).tags == "house, 124 bpm, A minor"
    given = reader(SINGS, tags="house, 98 bpm, a minor", tempo=124.0, key="A minor")
    assert given.words(PLACE).tags == "house, 98 bpm, a minor"


@pytest.mark.parametrize("lyrics", ["", "[inst]", "[instrumental]"])
def test_nothing_is_sung_without_words(lyrics: str) -> None:
    assert reader(SINGS, lyrics=lyrics).words(PLACE).lyric_ids == ()


def test_lyrics_of_the_context_stand_around_the_new_words() -> None:
    request = engine.Inpaint(
        audio="x.wav", tags="t", lyrics="new", context_lyrics_before="before", context_lyrics_after="after"
    )
    assert resolve(request).all_lyrics == "before\nnew\nafter"
    assert resolve(engine.Inpaint(audio="x.wav", tags="t")).all_lyrics == ""


@pytest.mark.parametrize(
    ("tags", "read"),
    [
        ("bass", "bass only"),
        ("Bass, F# minor, 92 bpm", "Bass only, F# minor, 92 bpm"),
        ("warm pad", "warm pad"),
        ("bass, drums", "bass, drums"),
        ("house, bass", "house, bass"),
        ("", ""),
    ],
)
def test_one_instrument_alone_is_meant_alone(tags: str, read: str) -> None:
    assert stem_tags(tags, ("bass", "drums", "pad")) == read
    assert stem_tags(tags, ()) == tags


def test_tags_that_the_model_does_not_read_to_their_end_are_said() -> None:
    """Each was cut without a word at 256 tokens."""
    request, count = resolve(engine.TextToAudio(tags="word1 " * 833, seed=1)), networks().text_encoder.count
    long = Reader(request, SINGS, count=count)
    long.words(PLACE), long.words(Place(4.0, 40))
    assert long.warnings == ["tags: 4998 tokens, and the model reads 256: the last were left out."]
    fits = Reader(resolve(engine.TextToAudio(tags="house, " * 30, seed=1)), SINGS, count=count)
    fits.words(PLACE)
    assert count("word1 " * 10) == 61 and not fits.warnings
