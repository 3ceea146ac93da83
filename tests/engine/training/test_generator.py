"""The music generator: same seed same clip, in tune, in tempo, any phase; tags and words; shards on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.constants import FRAME_RATE
from engine.grid.beat_grid import beat_grid_ids
from engine.grid.harmony import Key
from engine.training.evaluation import rules
from engine.training.learning.dataset import read_facts, read_rows, shard_names, write_shards
from engine.training.music.arrange import Wish, make_score
from engine.training.music.clips import ClipFacts, make_clip
from engine.training.music.styles import INSTRUMENTS, STYLES
from engine.training.music.synthesis import render
from engine.training.music.tags import all_phrases, tags_for
from engine.training.music.vocabulary import TEXT_LENGTH, VOCABULARY_SIZE, make_tokenizer

RATE = 44100


def test_same_seed_same_clip() -> None:
    first, facts = make_clip(3, 20)
    second, _ = make_clip(3, 20)
    other, _ = make_clip(4, 20)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert first.shape == (2, 20 * 4096) and first.dtype == np.float32
    assert facts.activity.shape == (len(INSTRUMENTS), 20)


def test_the_range_of_scores() -> None:
    """At least ten styles, all 24 keys, three meters, every instrument, tempo changes, any phase at 0 s."""
    scores = [make_score(seed, 12.0) for seed in range(200)]
    assert len({score.style for score in scores}) == len(STYLES) >= 10
    assert len({(score.key.root, score.key.mode) for score in scores}) == 24
    assert {score.meter for score in scores} == {(4, 4), (3, 4), (6, 8)}
    assert set().union(*(set().union(*score.playing) for score in scores)) == set(INSTRUMENTS)
    assert all(60 <= bar.bpm <= 180 for score in scores for bar in score.bars)
    assert 0.05 < np.mean([len(score.tempo_map().points) > 1 for score in scores]) < 0.3
    phases = [(-score.bars[0].start) / score.bars[0].seconds for score in scores]
    assert np.histogram(phases, bins=4, range=(0, 1))[0].min() > 25


@pytest.mark.parametrize("seed", range(4))
def test_clips_are_finite_unclipped_and_heard(seed: int) -> None:
    audio, _ = make_clip(seed + 40, 60)
    assert np.isfinite(audio).all()
    assert 0.02 < np.abs(audio).max() <= 0.96
    assert abs(float(audio.mean())) < 1e-2


def test_notes_are_in_tune() -> None:
    score = make_score(1, 6.0, Wish(instruments=("keys",), key=Key(9, "minor"), steady=True))
    audio = render(score, 1).audio
    found = rules.chroma(audio, RATE)
    assert found[list(np.array(Key(9, "minor").scale) + 9 - 12)].sum() > 0.7


def test_the_rule_finds_the_key_of_true_clips() -> None:
    """Keys whose progression hardly dwells on the tonic too; a wrong key is not found."""
    right = 0
    for seed in range(12):
        asked = Key(seed, "minor" if seed % 2 else "major")
        wish = Wish(style="pop", key=asked, bpm=110.0, meter=(4, 4), instruments=("keys", "bass", "pad"), steady=True)
        score = make_score(seed, 8.0, wish)
        bars = [(bar.start, min(8.0, bar.start + bar.seconds)) for bar in score.bars]
        right += rules.key(render(score, seed).audio, RATE, bars) == (asked.root, asked.mode)
    assert right >= 11
    assert rules.key(np.zeros((2, 8 * RATE), np.float32), RATE, [(0.0, 2.0), (2.0, 4.0)]) is None


def test_drums_are_on_the_grid() -> None:
    for seed in (0, 1, 2):
        score = make_score(seed, 8.0, Wish(style="house", bpm=124.0, instruments=("drums",), steady=True))
        audio = render(score, seed).audio
        assert rules.same_tempo(rules.tempo(audio, RATE), 124.0, 0.02)
        errors = rules.grid_errors(rules.onset_times(audio, RATE), np.arange(score.bars[0].start, 9.0, 15.0 / 124.0))
        assert np.median(errors) < 0.012


def test_a_grid_tells_the_true_bars() -> None:
    score = make_score(11, 20.0, Wish(steady=True))
    ids = beat_grid_ids(score.tempo_map(), 0.0, 200)
    for bar in score.bars[1:6]:
        frame = int(bar.start * FRAME_RATE - 0.5) + 1
        assert (ids[frame] - 1) % 64 <= (ids[frame - 1] - 1) % 64


def test_tags_name_who_plays_there_and_every_word_is_known() -> None:
    tokenizer = make_tokenizer(all_phrases())
    assert tokenizer.get_vocab_size() <= VOCABULARY_SIZE
    _, facts = make_clip(5, 40)
    rng = np.random.default_rng(0)
    lines = {tags_for(facts, 0, 40, rng) for _ in range(200)}
    assert len(lines) > 150
    for line in lines:
        encoded = tokenizer.encode(line)
        assert "<unk>" not in encoded.tokens, line
        assert len(encoded.ids) <= TEXT_LENGTH


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ("house, 124 bpm", ["house", "<num>", "bpm", "</s>"]),
        ("Am lofi", ["aminor", "lo", "fi", "</s>"]),
        ("F♯ Maj, 128BPM", ["f#major", "<num>", "bpm", "</s>"]),
        ("zydeco", ["<unk>", "</s>"]),
    ],
)
def test_words_that_users_write(tags: str, words: list[str]) -> None:
    assert make_tokenizer(all_phrases()).encode(tags).tokens == words


def test_shards_go_on_where_they_were_and_facts_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.training.learning.dataset.SHARD_CLIPS", 2)
    made: list[int] = []
    write_shards(tmp_path, 1, lambda audio: audio[:, ::4096], made.append)
    before = (tmp_path / "00000.npy").stat().st_mtime_ns
    write_shards(tmp_path, 2, lambda audio: audio[:, ::4096], made.append)
    assert made == [0, 1, 1, 2]
    assert (tmp_path / "00000.npy").stat().st_mtime_ns == before
    shards = shard_names(tmp_path)
    assert [s.name for s in shards] == ["00000", "00001"]
    assert read_rows(shards[0]).shape[0] == 2
    facts = read_facts(shards[1])[0]
    again = ClipFacts.from_json(facts.to_json())
    assert again.tempo_map == facts.tempo_map and np.array_equal(again.activity, facts.activity)


def thinned(audio: np.ndarray) -> np.ndarray:
    return audio[:, ::4096]


def test_processes_make_the_same_shards(tmp_path: Path) -> None:
    made: list[int] = []
    write_shards(tmp_path, 1, thinned, made.append, workers=2)
    assert made == [0, 1]
    facts, rows = read_facts(tmp_path / "00000"), read_rows(tmp_path / "00000")
    audio, clip = make_clip(facts[5].seed)
    assert clip.to_json() == facts[5].to_json() and np.array_equal(rows[5], thinned(audio))
