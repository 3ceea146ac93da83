"""Keys in words, progressions by bar, chords heard in the source, and the ids of a model that reads a chord grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from engine.constants import FRAME_RATE
from engine.families.v1.reader import Place, Reader
from engine.grid.beat_grid import VOCABULARY as BEAT_IDS
from engine.grid.beat_grid import TempoMap, TempoPoint, beat_grid_ids
from engine.grid.harmony import (
    PROGRESSIONS,
    VOCABULARY,
    Harmony,
    Key,
    bars_of_frames,
    chord_number,
    key_for_words,
    key_from_words,
    planned_chords,
)
from engine.grid.heard import Heard
from engine.requests import resolve
from tests.support.golden_runs import networks

CONFIG = replace(networks().config, lyric_input="chord_grid", lyric_encoder_vocab_size=VOCABULARY)
RATE = 22050
C_MAJOR, A_MINOR, D_MAJOR = Key(0, "major"), Key(9, "minor"), Key(2, "major")
C, F, G, AM = (chord_number(classes) for classes in ((0, 4, 7), (5, 9, 0), (7, 11, 2), (9, 0, 4)))


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("house, 124 bpm, F# minor", Key(6, "minor")),
        ("Bb maj, jazz", Key(10, "major")),
        ("c sharp min", Key(1, "minor")),
        ("e flat major pad", Key(3, "major")),
        ("Cb major", Key(11, "major")),
        ("a B minor song", Key(11, "minor")),
        ("bb minor", Key(10, "minor")),
        ("dub, Am", Key(9, "minor")),
        ("C#m", Key(1, "minor")),
        ("F\u266fm", Key(6, "minor")),
        ("what I am, a major label", Key(9, "major")),
        ("i am happy, bass, minor", None),
        ("drums, big minor bass", None),
        ("", None),
    ],
)
def test_keys_in_words(words: str, key: Key | None) -> None:
    assert key_from_words(words) == key


def test_triads_of_a_key() -> None:
    assert C_MAJOR.triads[0] == (0, 4, 7) and C_MAJOR.triads[5] == (9, 0, 4)
    assert A_MINOR.triads[4] == (4, 8, 11)  # the fifth of a minor key is major
    assert sorted(chord_number((root, (root + third) % 12, 0)) for root in range(12) for third in (3, 4)) == [
        *range(1, 25)
    ]


def test_bars_are_counted_over_tempo_changes_and_before_the_first_point() -> None:
    tempo_map = TempoMap((TempoPoint(1.0, 120.0), TempoPoint(5.0, 60.0)))
    bars = bars_of_frames(tempo_map, 0.0, round(14 * FRAME_RATE))
    at = [bars.numbers[int(seconds * FRAME_RATE)] for seconds in (0.5, 1.5, 3.5, 5.5, 9.5, 13.5)]
    assert at == [-1, 0, 1, 2, 3, 4]
    assert bars.times[1] == (3.0, 5.0) and bars.times[3] == (9.0, 13.0) and bars.times[-1] == (-1.0, 1.0)
    assert bars_of_frames(None, 0.0, 50).times[1] == (2.0, 4.0)


def test_a_progression_is_the_same_for_the_same_words_and_of_the_key() -> None:
    chords = planned_chords(range(8), A_MINOR, "House,  drums")
    assert chords == planned_chords(range(8), A_MINOR, "house, drums")
    assert [chords[bar] for bar in range(4)] == [chords[bar] for bar in range(4, 8)]
    degrees = [[chord_number(A_MINOR.chord(d)) for d in row] for row in PROGRESSIONS["minor"]]
    assert [chords[bar] for bar in range(4)] in degrees
    assert len({tuple(planned_chords(range(4), A_MINOR, str(n)).items()) for n in range(40)}) > 4


def test_chords_that_are_heard_come_first_then_those_four_bars_away() -> None:
    heard = Harmony(C_MAJOR, {4: F, 5: G})
    chords = planned_chords(range(3, 10), A_MINOR, "words", heard)
    assert (chords[4], chords[5], chords[8], chords[9]) == (F, G, F, G)
    other = planned_chords(range(3, 10), D_MAJOR, "words", heard)
    assert other == planned_chords(range(3, 10), D_MAJOR, "words")


def test_key_and_chords_are_found_in_audio() -> None:
    heard = Heard(lambda: played([C, AM, F, G]), RATE, 10.0)
    bars = bars_of_frames(TempoMap((TempoPoint(10.0, 120.0),)), 10.0, round(8 * FRAME_RATE))
    harmony = heard.harmony(bars)
    assert harmony is not None and harmony.key == C_MAJOR
    assert [harmony.chords[bar] for bar in range(4)] == [C, AM, F, G]
    silent = Heard(lambda: np.zeros((1, 8 * RATE), dtype=np.float32), RATE, 10.0)
    assert silent.harmony(bars) is None


@pytest.mark.parametrize(
    ("name", "notes"), [("A minor", (57, 60, 64, 62)), ("C major", (60, 64, 67, 65)), ("F# major", (66, 70, 73, 71))]
)
def test_key_of_held_chords(name: str, notes: tuple[int, ...]) -> None:
    t = np.arange(4 * RATE) / RATE
    weights = [1.0, 0.8, 0.9, 0.2]
    chord = sum(w * np.sin(2 * np.pi * 440 * 2 ** ((n - 69) / 12) * t) for w, n in zip(weights, notes, strict=True))
    harmony = Heard(lambda: np.asarray(chord)[None] * 0.2, RATE, 0.0).harmony(bars_of_frames(None, 0.0, 43))
    assert harmony is not None and harmony.key == key_from_words(name)


def test_ids_hold_beat_and_chord_of_what_is_made() -> None:
    frames = round(8 * FRAME_RATE)
    made = tuple(2.0 <= (frame + 0.5) / FRAME_RATE < 4.0 for frame in range(frames))  # the second bar
    heard = Heard(lambda: played([C, AM, F, G]), RATE, 0.0)
    ids = reader("pad").words(Place(0.0, frames, made), heard).lyric_ids
    beats = beat_grid_ids(TempoMap((TempoPoint(0.0, 120.0),)), 0.0, frames)
    assert [i % BEAT_IDS for i in ids] == beats
    assert {i // BEAT_IDS for i, new in zip(ids, made, strict=True) if new} == {AM}
    assert {i // BEAT_IDS for i, new in zip(ids, made, strict=True) if not new} == {0}
    assert max(ids) < VOCABULARY


def test_another_key_in_the_tags_wins_over_what_is_heard() -> None:
    heard = Heard(lambda: played([C, AM, F, G]), RATE, 0.0)
    ids = reader("pad, F# major").words(Place(0.0, 80), heard).lyric_ids
    assert {i // BEAT_IDS for i in ids} <= {chord_number(t) for t in Key(6, "major").triads}
    told = reader("pad", key="F# major").words(Place(0.0, 80), heard).lyric_ids
    assert {i // BEAT_IDS for i in told} <= {chord_number(t) for t in Key(6, "major").triads}


def test_words_without_a_key_have_one_of_their_own() -> None:
    assert key_for_words("House,  drums") == key_for_words("house, drums")
    assert len({key_for_words(str(number)) for number in range(200)}) == 24
    assert {key_for_words(f"sad {n}").mode for n in range(20)} == {"minor"}
    assert {key_for_words(f"happy {n}").mode for n in range(20)} == {"major"}
    chords = {i // BEAT_IDS for i in reader("drums").words(Place(0.0, 80)).lyric_ids}
    assert chords <= {chord_number(t) for t in key_for_words("drums").triads}


def reader(tags: str, **fields: object) -> Reader:
    return Reader(resolve(engine.TextToAudio(tags=tags, tempo=120.0, seed=1, **fields)), CONFIG)


def played(chords: list[int]) -> np.ndarray:
    """Two seconds of each chord's tones around middle C, with a few partials: (1, n)."""
    t = np.arange(2 * RATE) / RATE
    bars = []
    for number in chords:
        root, minor = divmod(number - 1, 2)
        tones = [60 + (root + step) % 12 for step in (0, 4 - minor, 7)]
        hertz = [440 * 2 ** ((tone - 69) / 12) for tone in tones]
        bars.append(sum(np.sin(2 * np.pi * h * k * t) / k for h in hertz for k in (1, 2, 3)))
    return 0.1 * np.concatenate(bars)[None].astype(np.float32)
