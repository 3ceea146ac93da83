"""The demo's parts: song, pictures, folder, texts. The whole of it runs in tests/end_to_end/test_demo_command.py."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from bridge.demo.arrangement import load_song, play, write_mix, write_stems
from bridge.demo.folder import new_folder
from bridge.demo.full_model import expected_seconds, offer
from bridge.demo.pictures import Comparison, draw_comparison, spectrogram_db
from bridge.demo.run import song_scene
from bridge.rpp.project_file import Project
from bridge.system.processor_rates import ProcessorRates
from engine.audio.buffer import Audio
from engine.errors import InvalidRequest

RATE = 44100


def test_the_song_is_played_the_same_each_time_and_does_not_clip():
    song = load_song()
    for track in song.tracks:
        first = play(song, track)
        assert first.shape == (2, round(song.seconds * RATE))
        assert 0.05 < np.abs(first).max() < 0.99
        assert np.array_equal(first, play(song, track))


def test_strokes_fall_on_the_beat():
    song = load_song()
    drums = play(song, song.tracks[0]).mean(axis=0)
    beat = round(60 / song.bpm * RATE)
    for number in range(1, 8):
        before, at = drums[number * beat - 400 : number * beat], drums[number * beat : number * beat + 2000]
        assert np.abs(at).max() > 4 * np.abs(before).max()


def test_the_project_has_the_stems_and_the_time_selection(tmp_path):
    scene = song_scene(tmp_path)
    song = load_song()
    project = Project.load(tmp_path / "demo.RPP")
    assert project.time_selection == song.time_selection
    assert [track.name for track in project.tracks] == [track["name"] for track in song.tracks]
    assert project.tempo[0].bpm == song.bpm
    item = project.items(project.track(scene.track))[0]
    assert item.active_take.source == tmp_path / "Drums.wav"
    assert item.length == pytest.approx(song.seconds)
    assert 'FILE "Drums.wav"' in project.text  # the folder can be moved


def test_a_mix_is_the_sum_and_stays_below_full_scale(tmp_path):
    for name, level in (("a", 0.25), ("b", -0.5), ("loud", 0.9)):
        soundfile.write(tmp_path / f"{name}.wav", np.full((100, 2), level), RATE, subtype="PCM_24")
    quiet, _ = soundfile.read(write_mix([tmp_path / "a.wav", tmp_path / "b.wav"], tmp_path / "quiet.wav"))
    assert np.allclose(quiet, -0.25, atol=1e-5)
    loud, _ = soundfile.read(write_mix([tmp_path / "a.wav", tmp_path / "loud.wav"], tmp_path / "mix.wav"))
    assert np.allclose(loud, 0.98, atol=1e-5)


def test_stems_are_equal_files_each_time(tmp_path):
    song = load_song()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = write_stems(song, tmp_path / "a"), write_stems(song, tmp_path / "b")
    assert all(first[name].read_bytes() == second[name].read_bytes() for name in first)


def test_a_spectrogram_shows_a_tone_at_its_pitch_and_level():
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    picture = spectrogram_db(tone.astype(np.float32))
    middle = picture[:, picture.shape[1] // 2]
    hertz = np.fft.rfftfreq(2048, 1 / RATE)
    assert hertz[middle.argmax()] == pytest.approx(1000, abs=25)
    assert middle.max() == pytest.approx(20 * np.log10(0.5), abs=1.5)
    assert middle[hertz > 4000].max() < -75


def test_the_picture_is_a_png_of_both_and_the_joints(tmp_path):
    before = Audio(np.zeros((2, RATE), dtype=np.float32), RATE)
    after = Audio(np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32), RATE)
    draw_comparison(Comparison(before, after, 0.4, 0.6, "title", 12.0), tmp_path / "p.png")
    data = (tmp_path / "p.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 20_000


def test_an_earlier_demo_is_never_overwritten(tmp_path):
    first, second = new_folder(None, tmp_path), new_folder(None, tmp_path)
    assert (first.name, second.name) == ("acestep-demo", "acestep-demo-2")
    (first / "x").touch()
    with pytest.raises(InvalidRequest, match="not empty"):
        new_folder(first, tmp_path)
    assert new_folder(tmp_path / "deep" / "own", tmp_path).is_dir()


def test_the_full_model_is_offered_with_size_licence_and_time():
    text = "\n".join(offer("cpu", 2, 24))
    for words in ("6.3 GB", "MIT", "GB of memory", "minutes", "models pull ace-step-1.5"):
        assert words in text
    measured = "\n".join(offer("cpu", 2, 24, ProcessorRates(1e11, 2e11, 4e11)))
    assert "from products measured here: float32 100, bfloat16 200, 8 bits 400 GFLOP/s" in measured
    assert "models pull ace-step-v1" in "\n".join(offer("cuda:0", 16, 24))
    assert "about 1 seconds" in "\n".join(offer("cuda:0", 16, 24))
    assert expected_seconds("mps", 8, 23) == pytest.approx(10)
    assert expected_seconds("cpu", 4, 24) == pytest.approx(expected_seconds("cpu", 2, 24) / 2)
