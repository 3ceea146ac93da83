"""Files of results: the source's own numbers outside of what was made, whatever they are, in any container."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.audio.files import probe, read, read_exact
from engine.audio.outpaint_window import Extension, plan_outpaint
from engine.audio.window import plan_window
from engine.audio.write import read_recipe
from engine.rendering.render import spans
from tests.support.noise_results import RATE, noise_file, render

FILES = [("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")] + [
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    *[("AIFF", s) for s in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    *[("RF64", s) for s in ("PCM_16", "PCM_24", "FLOAT")],
    *[("W64", s) for s in ("PCM_16", "PCM_24", "DOUBLE")],
    *[("CAF", s) for s in ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "ALAC_16", "ALAC_24")],
    *[("AU", s) for s in ("PCM_16", "PCM_24", "FLOAT")],
    ("FLAC", "PCM_S8"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", FILES)
def test_files_keep_their_own_numbers(tmp_path: Path, kind: tuple[str, str], channels: int) -> None:
    path = noise_file(tmp_path / "in", kind, channels)
    window = plan_window(300000, RATE, 3.1, 5.9, 0.5)
    out = render(path, (window,)).write(tmp_path / ("out.flac" if kind[0] == "FLAC" else "out.wav"))
    before, after, region = read_exact(path), read_exact(out), window.region
    assert np.array_equal(before[:, : region.fade_start], after[:, : region.fade_start])
    assert np.array_equal(before[:, region.fade_end :], after[:, region.fade_end :])
    assert before.dtype == after.dtype and probe(out).sample_rate == RATE
    assert np.mean(before[:, region.start : region.end] != after[:, region.start : region.end]) > 0.9
    assert read_recipe(out) == {"seed": 3}
    again = render(path, (window,)).write(tmp_path / f"again{out.suffix}")
    assert out.read_bytes() == again.read_bytes()


def test_two_of_six_channels(tmp_path: Path) -> None:
    path = noise_file(tmp_path / "in.wav", ("WAV", "PCM_24"), 6, 100000)
    window = plan_window(100000, RATE, 1.0, 1.5, 0.2)
    out = render(path, (window,), channels=[5, 2]).write(tmp_path / "out.wav")
    before, after = read_exact(path, channels=[4, 1]), read_exact(out)
    kept = np.r_[0 : window.region.fade_start, window.region.fade_end : 100000]
    assert after.shape == (2, 100000) and np.array_equal(before[:, kept], after[:, kept])


def test_outpainting_on_both_sides(tmp_path: Path) -> None:
    path = noise_file(tmp_path / "in.wav", ("WAV", "PCM_16"), frames=5 * RATE)
    windows = plan_outpaint(5 * RATE, RATE, Extension(1.5, 2.5), 1.0)
    got = read_exact(render(path, windows).write(tmp_path / "out.wav"))
    left, kept = round(1.5 * RATE), slice(round(0.03 * RATE), round(4.97 * RATE))
    assert got.shape[1] == 9 * RATE
    assert np.array_equal(got[:, left:][:, kept], read_exact(path)[:, kept])


def test_a_clip_is_placed_by_its_time_reference(tmp_path: Path) -> None:
    import wavinfo

    path = noise_file(tmp_path / "in.wav", ("WAV", "PCM_24"))
    window = plan_window(300000, RATE, 3.0, 4.0, 0.5)
    out = render(path, (window,), clip=True).write(tmp_path / "out.wav")
    assert probe(out).frames == RATE + 2 * round(0.03 * RATE) and probe(out).subtype == "PCM_24"
    assert wavinfo.WavInfoReader(str(out)).bext.time_reference == 3 * RATE - round(0.03 * RATE)


@pytest.mark.parametrize(("depth", "step"), [("24", 0.0), ("16", 1.6 / 2**15), ("32f", 0.0)])
def test_other_depths(tmp_path: Path, depth: str, step: float) -> None:
    path = noise_file(tmp_path / "in.wav", ("WAV", "PCM_24"))
    window = plan_window(300000, RATE, 3.0, 4.0, 0.5)
    out = render(path, (window,), bit_depth=depth).write(tmp_path / "out.wav")
    assert probe(out).subtype == {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}[depth]
    before, after = read(path).samples, read(out).samples
    assert np.abs(before - after)[:, : window.region.fade_start].max() <= step


def test_spans_cover_the_result_once_in_order() -> None:
    cut = list(spans(-10, 130, [[20, 40], [30, 50], [90, 95]], 100))
    assert cut == [
        ((-10, 0), True), ((0, 20), False), ((20, 40), True), ((40, 50), True), ((50, 90), False), ((90, 95), True),
        ((95, 100), False), ((100, 130), True),
    ]  # fmt: skip
