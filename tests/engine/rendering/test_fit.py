"""The bench of fitting in a short form: regions of the generator's pieces, rendered by nano."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import InvalidRequest
from tests.bench.figures import Figure
from tests.bench.fit import Faded, doubled, fit_of
from tests.bench.fit_places import generated, of_folder

RATE = 44100


def _click(times: list[float], seconds: float = 2.0) -> np.ndarray:
    audio = np.random.default_rng(0).normal(0, 1e-3, (2, round(seconds * RATE))).astype(np.float32)
    for time in times:
        audio[:, round(time * RATE) : round(time * RATE) + 400] += 0.5
    return audio


def test_a_region_snapped_to_bars_fits() -> None:
    """Attacks that either piece has there are not counted: of these a twentieth are over the music's own, by chance."""
    figures = {f.name: f.value for f in fit_of(generated("snapped", 1), "snapped", 1) if isinstance(f, Figure)}
    assert figures["fit_snapped_changed"] == 0
    assert figures["fit_snapped_double"] == 0 and figures["fit_snapped_over_made"] == 0


def test_the_bench_tells_a_double_attack() -> None:
    joint = RATE, RATE + 500
    assert doubled(_click([0.99]), _click([0.99, 1.03]), RATE, joint)
    assert not doubled(_click([0.99]), _click([0.99]), RATE, joint)
    assert not doubled(_click([0.99, 1.03]), _click([0.99, 1.03]), RATE, joint)


def _folder(folder: Path) -> Path:
    """Music of several kinds beside what is of no use."""
    music = _click([0.5 * k for k in range(1, 30)], 15.0)
    soundfile.write(folder / "mono 8 bit.wav", music[0, ::2], RATE // 2, subtype="PCM_U8")
    soundfile.write(folder / "six channels.flac", np.concatenate([music] * 3).T, RATE)
    soundfile.write(folder / "short.WAV", music[:, :RATE].T, RATE)
    soundfile.write(folder / "silent.wav", 0 * music.T, RATE)
    soundfile.write(folder / "empty.wav", music[:, :0].T, RATE)
    (folder / "text.ogg").write_text("no music")
    return folder


def test_of_a_folder_what_can_be_used_is_and_the_rest_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = list(of_folder(_folder(tmp_path), "random", 3))
    assert [(p.audio.shape[0], p.sample_rate) for p in places] == [(1, RATE // 2), (2, RATE), (1, RATE // 2)]
    said = capsys.readouterr().err
    for name in ("short.WAV", "silent.wav", "empty.wav", "text.ogg"):
        assert name in said
    assert len(list(of_folder(tmp_path / "six channels.flac", "snapped", 1))) == 1


def test_a_folder_without_music_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidRequest, match="FOLDER"):
            list(of_folder(folder, "random", 3))


def test_a_joint_that_is_sharper_than_both_of_its_pieces_is_told() -> None:
    """What a fade made, against an attack that either piece has there."""
    rng = np.random.default_rng(0)
    old, new = rng.normal(0, 0.01, (2, 2, 1000))
    audio = np.concatenate([old[:, :500], new[:, :500]], axis=1).astype(np.float32)
    fade = Faded(old[:, 300:600], new[:, 300:600], audio[:, 300:600].astype(np.float64))
    assert fade.sharper_db(audio, (300, 600), RATE) < 1
    clicked = audio.copy()
    clicked[:, 450] += 0.5
    assert fade.sharper_db(clicked, (300, 600), RATE) > 20
