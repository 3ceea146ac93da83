"""What a settled request covers, for each kind of task and whatever the model's family."""

from __future__ import annotations

import pytest

from engine.constants import V1_GEOMETRY
from engine.errors import InvalidRequest
from engine.geometry import Geometry
from engine.requests import AudioToAudio, Inpaint, Outpaint, TextToAudio, resolve
from engine.requests.extent import SourceShape, extent_of

OTHER = Geometry(sample_rate=48000, samples_per_frame=1920, latent_shape=(64, 1), max_seconds=600.0)
HOUR = SourceShape(3600 * 48000, 2, 48000)


def test_a_piece_is_as_long_as_its_duration_and_sees_nothing() -> None:
    extent = extent_of(resolve(TextToAudio(tags="x", duration=10.0)), OTHER)
    assert (extent.made_frames, extent.seen_frames, extent.result_samples) == (250, 0, 480000)


def test_an_hour_of_source_is_an_hour_of_result_but_not_of_work() -> None:
    request = Inpaint(audio="a", tags="x", start_time=100.0, end_time=110.0, context_seconds=5.0)
    full = extent_of(resolve(request), OTHER, HOUR)
    assert full.result_samples == HOUR.samples and full.made_frames <= 25 * 20 + 2
    clip = extent_of(resolve(request, {"output": "clip"}), OTHER, HOUR)
    assert clip.result_samples == 10 * 48000 + 2 * round(0.03 * 48000)


def test_a_models_own_defaults_count() -> None:
    request = Inpaint(audio="a", tags="x", start_time=100.0, end_time=110.0)
    near, far = (extent_of(resolve(request, {"context_seconds": s}), V1_GEOMETRY, HOUR) for s in (1.0, 20.0))
    assert far.seen_frames - near.seen_frames == pytest.approx(38 * V1_GEOMETRY.frame_rate, abs=2)


def test_outpaint_adds_to_the_result_on_both_sides() -> None:
    request = Outpaint(audio="a", tags="x", extend_before_duration=2.0, extend_after_duration=3.0)
    extent = extent_of(resolve(request), V1_GEOMETRY, HOUR)
    assert extent.result_samples == HOUR.samples + 5 * 48000 and len(extent.windows) == 2


def test_what_the_model_cannot_make_at_once_is_refused_by_its_own_limit() -> None:
    request = resolve(AudioToAudio(audio="a", tags="x", original_tags="y"))
    song = SourceShape(300 * 48000, 2, 48000)
    assert extent_of(request, OTHER, song).read == (0, song.samples)
    with pytest.raises(InvalidRequest, match="at most 240 s"):
        extent_of(request, V1_GEOMETRY, song)
