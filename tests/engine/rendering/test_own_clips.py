"""A clip is known again by its samples, frame by frame, and its latents stand in for those of its audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine.audio.buffer import Audio
from engine.audio.window import Window, plan_window
from engine.geometry import Geometry
from engine.rendering.own_clips import KEPT, OwnClips, Reused
from engine.rendering.source import open_source
from tests.support.paths import TINY

GEOMETRY = Geometry(sample_rate=8000, samples_per_frame=800, latent_shape=(2, 3), max_seconds=60.0)


def _music(rate: int, seconds: float = 12.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (2, round(seconds * rate))).astype(np.float32)


def _known(rate: int, audio: np.ndarray, folder: Path | None = None) -> tuple[OwnClips, Window, torch.Tensor]:
    """A clip that was made from 3.03 s to 6 s of `audio`, in a window of its own grid."""
    own = OwnClips("weights", folder)
    window = plan_window(audio.shape[1], rate, 3.03, 6.0, 2.0, 0.03, GEOMETRY)
    latents = torch.arange(window.frames, dtype=torch.float32).expand(2, 3, -1)
    start, stop = window.region.start, window.region.end
    own.keep(audio[:, start:stop], start, rate, latents, window.start, GEOMETRY)
    return own, window, latents


def _found(own: OwnClips, audio: np.ndarray, rate: int, start: float = 6.5) -> tuple[Window, Reused | None, Window]:
    planned = plan_window(audio.shape[1], rate, start, start + 2, 5.017, 0.03, GEOMETRY)
    moved, reused = own.fitted(open_source(Audio(audio, rate)), planned, GEOMETRY)
    return moved, reused, planned


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
def test_each_frame_that_lies_in_the_clip_has_its_own_latents(rate: int) -> None:
    audio = _music(rate)
    own, first, _ = _known(rate, audio)
    window, reused, planned = _found(own, audio, rate)
    frame = 0.1 * rate
    assert reused is not None and 27 <= reused.frames.size <= 30
    offset = (window.start - first.start) / frame
    assert abs(offset - round(offset)) * frame <= 1.5
    assert np.array_equal(reused.latents[0, 0].numpy(), reused.frames + round(offset))
    assert 0 <= planned.start - window.start < frame + 1 and window.region == planned.region
    assert window.masks[0][0] * frame <= window.region.fade_start - window.start


def test_only_the_last_clips_are_in_memory_although_nobody_asks_for_one() -> None:
    """A session of pieces without a source looked for none, and kept every one."""
    own, audio, latents = OwnClips("weights"), _music(8000, 1.0), torch.zeros(2, 3, 10)
    for number in range(KEPT + 5):
        own.keep(audio, number, 8000, latents, number, GEOMETRY)
    assert len(own._known) == KEPT


def test_what_was_edited_since_is_coded_and_the_rest_is_not() -> None:
    audio = _music(8000)
    own, _, _ = _known(8000, audio)
    whole = _found(own, audio, 8000)[1]
    edited = audio.copy()
    edited[0, 4 * 8000] += 0.5  # one sample
    rest = _found(own, edited, 8000)[1]
    assert whole is not None and rest is not None and rest.frames.size == whole.frames.size - 1


def test_sixteen_bits_are_the_same_and_others_are_not() -> None:
    audio = _music(8000)
    own, _, _ = _known(8000, audio)
    rounded = (np.round(audio * 32768) / 32768).astype(np.float32)
    assert _found(own, rounded, 8000)[1] is not None
    for other in (0.9 * audio, np.roll(audio, 1, axis=1), audio[:1], 0 * audio):
        window, reused, planned = _found(own, np.ascontiguousarray(other), 8000)
        assert reused is None and window == planned


def test_a_folder_is_shared_and_what_is_damaged_there_is_passed_over(tmp_path: Path) -> None:
    audio = _music(8000)
    _known(8000, audio, tmp_path)
    (tmp_path / "damaged.npz").write_bytes(b"PK nothing")
    assert _found(OwnClips("weights", tmp_path), audio, 8000)[1] is not None
    assert _found(OwnClips("others", tmp_path), audio, 8000)[1] is None


def test_a_second_edit_sees_the_first_as_it_was_made() -> None:
    model = engine.load(TINY, device="cpu")
    source = engine.Audio(0.3 * _music(44100, 4.0), 44100)
    fields = {"tags": "house", "context_seconds": 1.0, "number_of_steps": 1, "match_loudness": False}
    first = model.render(engine.Inpaint(audio=source, start_time=1.0, end_time=2.0, seed=1, **fields))
    assert "reused_latents_seconds" not in first.report
    now = engine.Audio(first.audio, 44100)
    edit = {"audio": now, "start_time": 2.1, "end_time": 2.9, "seed": 2, **fields}
    plain, reusing = (model.render(engine.Inpaint(**edit, reuse_latents=reuse)) for reuse in (False, True))
    assert "reused_latents_seconds" not in plain.report
    assert reusing.report["reused_latents_seconds"] > 0.5
    low = round((first.report["window"][0] - reusing.report["window"][0]) / 4096)
    seen = reusing.latents[..., 4:8]
    assert np.array_equal(seen, first.latents[..., 4 - low : 8 - low])
    ((begin, end),) = reusing.report["changed"]
    assert np.array_equal(reusing.audio[:, :begin], first.audio[:, :begin])
    assert np.array_equal(reusing.audio[:, end:], first.audio[:, end:])
