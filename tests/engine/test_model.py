"""`engine.load` and `Model.render` on the tiny checkpoint: lengths, exactness outside the region, progress, errors."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

import engine
from engine.model import Model, load
from engine.rendering.codec import Codec, Span
from engine.requests.recipe import batch_request_of
from tests.support.batches import batches_as_on_a_gpu
from tests.support.golden_runs import GOLDEN, RUNS, tensors

RATES = (44100, 48000, 96000, 32000)


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return load(GOLDEN / "tiny_checkpoint", device="cpu")


def music(seconds: float = 6.0, rate: int = 48000, channels: int = 2) -> engine.Audio:
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(3)
    tones = [0.3 * np.sin(2 * np.pi * f * t) + 0.02 * rng.standard_normal(t.size) for f in (220.0, 331.0)]
    return engine.Audio(np.stack(tones[:channels]).astype(np.float32), rate)


def quick(**fields: object) -> dict:
    return {"tags": "house, 124 bpm", "seed": 7, "number_of_steps": 3, **fields}


def changed(result: engine.Render, source: engine.Audio) -> tuple[int, int]:
    """First and last sample + 1 that differ."""
    different = np.nonzero((result.audio != source.samples).any(axis=0))[0]
    return int(different[0]), int(different[-1]) + 1


@pytest.mark.parametrize("name", ["t2m_euler_apg", "t2m_heun_cfg", "repaint_euler_apg", "a2a_pingpong"])
def test_decoded_golden_latents_sound_as_the_reference(model: engine.Model, name: str) -> None:
    latents = tensors()[RUNS[name]["latents"]]
    with torch.inference_mode():
        audio = Codec(model.networks.autoencoder, model.device).decode(latents, 48000)
    assert list(audio.shape) == RUNS[name]["wav_shapes"][0]
    wanted = tensors()[RUNS[name]["audio_head"]].numpy()
    got = audio[:, 4000:4256]
    assert np.linalg.norm(got - wanted) / np.linalg.norm(wanted) < 1e-3


def test_encoded_golden_sources_equal_the_reference(model: engine.Model) -> None:
    from tests.golden.read_goldens import synth_audio

    codec = Codec(model.networks.autoencoder, model.device)
    for name, args in (("repaint_euler_apg", (3.0, 44100, 3)), ("a2a_pingpong", (2.0, 48000, 7))):
        with torch.inference_mode():
            got = codec.encode_samples(synth_audio(*args).numpy(), args[1])
        wanted = tensors()[RUNS[name]["src_latents"][0]]
        assert float((got - wanted).norm() / wanted.norm()) < 1e-3


def test_text_to_audio_length_seed_and_report(model: engine.Model) -> None:
    result = model.render(engine.TextToAudio(**quick(duration=4.0)))
    assert result.audio.shape == (2, 191704) and result.audio.dtype == np.float32
    assert result.sample_rate == 48000 and result.latents.shape == (8, 16, 43)
    assert result.seed == 7 and result.retake_seed == (7 * 1664525 + 1013904223) % 2**31
    assert result.report["model"] == "tiny_checkpoint" and result.report["request"]["number_of_steps"] == 3
    assert set(result.timings) == {"denoise", "decode", "total"}
    again = model.render(engine.TextToAudio(**quick(duration=4.0)))
    np.testing.assert_array_equal(again.audio, result.audio)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_inpaint_changes_nothing_outside_region_and_fades(model: engine.Model, rate: int, channels: int) -> None:
    source = music(5.0, rate, channels)
    request = engine.Inpaint(audio=source, start_time=2.0, end_time=3.0, context_seconds=1.0, **quick())
    result = model.render(request)
    assert result.audio.shape == source.samples.shape and result.sample_rate == rate
    fade = round(0.03 * rate)
    first, last = changed(result, source)
    assert first >= 2 * rate - fade and last <= 3 * rate + fade
    assert last - first > 0.9 * rate
    assert result.report["region"] == [2 * rate, 3 * rate]
    assert result.report["changed"] == [[2 * rate - fade, 3 * rate + fade]]


def test_inpaint_of_a_file_reads_the_same_as_of_samples(model: engine.Model, tmp_path) -> None:
    source = music()
    path = tmp_path / "song.wav"
    soundfile.write(path, source.samples.T, 48000, subtype="FLOAT")
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0)
    of_file = model.render(engine.Inpaint(audio=path, **fields))
    np.testing.assert_array_equal(of_file.audio, model.render(engine.Inpaint(audio=source, **fields)).audio)


def test_clip_is_the_region_with_its_fades(model: engine.Model) -> None:
    source = music()
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0)
    full = model.render(engine.Inpaint(audio=source, **fields))
    clip = model.render(engine.Inpaint(audio=source, output="clip", **fields))
    offset = clip.report["offset"]
    assert offset == 96000 - 1440 and clip.audio.shape[1] == 48000 + 2 * 1440
    np.testing.assert_array_equal(clip.audio, full.audio[:, offset : offset + clip.audio.shape[1]])


def test_inpaint_variance_0_is_the_source_bit_for_bit(model: engine.Model) -> None:
    source = music()
    fields = quick(start_time=2.0, end_time=3.0, variance=0.0, match_loudness=False)
    result = model.render(engine.Inpaint(audio=source, **fields))
    np.testing.assert_array_equal(result.audio, source.samples)
    assert result.report["changed"] == []


def test_inpaint_of_the_whole_file_is_the_parity_case(model: engine.Model) -> None:
    source = music(3.0, 44100)
    result = model.render(engine.Inpaint(audio=source, start_time=1, end_time=2, context_seconds=None, **quick()))
    assert result.latents.shape[-1] == 33 and result.report["window"] == [0, 132300]
    assert result.report["region"] == [10 * 4096, 21 * 4096]


@pytest.mark.parametrize(("before", "after"), [(0.0, 2.0), (1.5, 0.0), (1.0, 8.0)])
def test_outpaint_is_exact_to_the_sample(model: engine.Model, before: float, after: float) -> None:
    source = music(4.0)
    fields = {"extend_before_duration": before, "extend_after_duration": after, "context_seconds": 1.0}
    result = model.render(engine.Outpaint(audio=source, **fields, **quick()))
    left = round(before * 48000)
    assert result.audio.shape[1] == round((before + 4.0 + after) * 48000)
    assert result.report["offset"] == -left
    inside = slice(left + 1440 if before else 0, left + 4 * 48000 - (1440 if after else 0))
    np.testing.assert_array_equal(result.audio[:, inside], source.samples[:, inside.start - left : inside.stop - left])
    assert result.audio[:, :left].std() > 0.0 if before else True


def test_outpaint_beyond_240_seconds(model: engine.Model) -> None:
    source = music(239.0, 8000, 1)
    result = model.render(engine.Outpaint(audio=source, extend_after_duration=3.0, context_seconds=1.0, **quick()))
    assert result.audio.shape == (1, 242 * 8000)
    np.testing.assert_array_equal(result.audio[:, : 238 * 8000], source.samples[:, : 238 * 8000])


@pytest.mark.parametrize("mode", ["remix", "lyrics", "reference"])
def test_audio_to_audio_keeps_the_length(model: engine.Model, mode: str) -> None:
    source = music(3.0, 44100)
    request = engine.AudioToAudio(audio=source, original_tags="pop", edit_mode=mode, **quick(number_of_steps=5))
    result = model.render(request)
    assert result.audio.shape == source.samples.shape and np.isfinite(result.audio).all()


def test_variations_and_candidates_in_one_batch(model: engine.Model) -> None:
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0, variations=2, candidates=2)
    results = model.render_all(engine.Inpaint(audio=music(), **fields))
    assert [r.variation for r in results] == [0, 0, 1, 1]
    assert [r.kept for r in results] == [True, False, True, False]
    assert {r.seed for r in results} == {7, 8, 9, 10}
    second = next(r for r in results if r.seed == 9)
    alone = model.render(engine.Inpaint(audio=music(), **{**fields, "seed": 9, "variations": 1, "candidates": 1}))
    np.testing.assert_allclose(second.latents, alone.latents, atol=1e-3)


def test_on_a_processor_an_item_has_the_same_bits_alone_and_beside_others(model: engine.Model) -> None:
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0, candidates=2)
    results = model.render_all(engine.Inpaint(audio=music(), **fields, variations=2))
    second = [r for r in results if r.variation == 1]
    alone = model.render_all(engine.Inpaint(audio=music(), **{**fields, "seed": 9}))
    for a, b in zip(second, alone, strict=True):
        assert a.audio.tobytes() == b.audio.tobytes() and "batch" not in a.report["recipe"]
        first, last = a.report["recipe"]["fades"]  # what its file says later, too
        assert [round(first[0] * a.sample_rate), round(last[1] * a.sample_rate)] == a.report["changed"][0]


def test_a_recipe_of_a_batch_renders_that_batch_again(model: engine.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_as_on_a_gpu(monkeypatch)
    batched = Model("tiny", model.networks, memory="tiled")
    made = batched.render_all(engine.TextToAudio(**quick(duration=1.0, variations=3)))
    recipe = made[1].report["recipe"]
    assert recipe["batch"]["item"] == 1 and "batch" not in made[2].report["recipe"]
    request, item = batch_request_of(recipe)
    assert batched.render_all(request)[item].audio.tobytes() == made[1].audio.tobytes()


def test_more_items_than_fit_go_in_several_batches(model: engine.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    request = engine.TextToAudio(**quick(duration=1.0, variations=3))
    at_once = model.render_all(request)
    batches_as_on_a_gpu(monkeypatch)
    steps: list[engine.Progress] = []
    tiled = Model("tiny", model.networks, memory="tiled")
    apart = tiled.render_all(request, on_step=steps.append)
    for a, b in zip(at_once, apart, strict=True):
        np.testing.assert_allclose(a.latents, b.latents, atol=1e-3)
    denoise = [s for s in steps if s.stage == "denoise"]
    assert [s.step for s in denoise] == [1, 2, 3, 4, 5, 6] and {s.steps for s in denoise} == {6}


def test_stages_come_in_order(model: engine.Model) -> None:
    steps: list[engine.Progress] = []
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0)
    model.render(engine.Inpaint(audio=music(), **fields), on_step=steps.append)
    stages = list(dict.fromkeys(s.stage for s in steps))
    assert stages == ["encode", "denoise", "decode", "seam"]
    for stage in stages:
        of_stage = [s for s in steps if s.stage == stage]
        assert [s.step for s in of_stage] == sorted(s.step for s in of_stage)
        assert of_stage[-1].step == of_stage[-1].steps


@pytest.mark.parametrize("stage", ["encode", "denoise", "decode", "seam"])
def test_cancel_in_every_stage(model: engine.Model, stage: str) -> None:
    cancel = threading.Event()
    after: list[engine.Progress] = []

    def on_step(progress: engine.Progress) -> None:
        if cancel.is_set():
            after.append(progress)
        elif progress.stage == stage:
            cancel.set()

    request = engine.Inpaint(audio=music(), start_time=2.0, end_time=3.0, context_seconds=1.0, **quick(variations=2))
    with pytest.raises(engine.Cancelled):
        model.render(request, on_step=on_step, cancel=cancel)
    assert len(after) == 0
    assert model.render(engine.TextToAudio(**quick(duration=1.0))).audio.size > 0


def test_cancel_ends_an_evaluation_between_two_blocks(model: engine.Model) -> None:
    cancel, entered = threading.Event(), []
    blocks = model.networks.transformer.transformer_blocks
    hooks = [
        block.register_forward_pre_hook(lambda *_, index=index: entered.append(index))
        for index, block in enumerate(blocks)
    ]
    hooks.append(blocks[0].register_forward_hook(lambda *_: cancel.set()))
    try:
        with pytest.raises(engine.Cancelled):
            model.render(engine.TextToAudio(**quick(duration=1.0)), cancel=cancel)
    finally:
        for hook in hooks:
            hook.remove()
    assert entered == [0] and len(blocks) > 1


def test_decoding_a_span_equals_decoding_all(model: engine.Model) -> None:
    latents = tensors()[RUNS["t2m_euler_apg"]["latents"]]
    codec = Codec(model.networks.autoencoder, model.device, tile_frames=8)
    with torch.inference_mode():
        for rate in (44100, 48000, 32000):
            whole = codec.decode(latents, rate)
            part = codec.decode_span(latents, Span(rate + 17, 2 * rate + 5, rate))
            np.testing.assert_allclose(part, whole[:, rate + 17 : 2 * rate + 5], atol=2e-5)


def test_known_audio_is_encoded_once(model: engine.Model) -> None:
    calls = []
    handle = model.networks.autoencoder.dcae.encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        source = music(4.1)
        fields = quick(start_time=2.0, end_time=3.0, context_seconds=0.5)
        for seed in (1, 2):
            model.render(engine.Inpaint(audio=source, **{**fields, "seed": seed}))
    finally:
        handle.remove()
    assert len(calls) == 1


def test_model_defaults_fill_what_is_not_given(model: engine.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    config = model.networks.config
    preferring = replace(model._family.facts, default_request={"guidance_scale": 2.5})
    monkeypatch.setattr(model._family, "facts", preferring)
    result = model.render(engine.TextToAudio(**quick(duration=1.0)))
    assert result.report["request"]["guidance_scale"] == 2.5 and config.default_request == {}


def test_lora_is_applied_and_taken_away(model: engine.Model) -> None:
    plain = model.render(engine.TextToAudio(**quick(duration=1.0)))
    lora = [str(GOLDEN / "tiny_lora")]
    changed_latents = model.render(engine.TextToAudio(**quick(duration=1.0, lora=lora))).latents
    again = model.render(engine.TextToAudio(**quick(duration=1.0)))
    assert np.abs(changed_latents - plain.latents).max() > 1e-3
    np.testing.assert_array_equal(again.latents, plain.latents)


@pytest.mark.parametrize(
    ("request_type", "fields", "field"),
    [
        (engine.Inpaint, {"start_time": 3.0, "end_time": 2.0}, "start_time"),
        (engine.Inpaint, {"start_time": 1.0, "end_time": 99.0}, "end_time"),
        (engine.Inpaint, {"start_time": 99.0, "end_time": 100.0}, "start_time"),
        (engine.Inpaint, {"start_time": 1.0, "end_time": 2.0, "channels": [3, 4]}, "channels"),
        (engine.Inpaint, {"audio": 17, "start_time": 1.0, "end_time": 2.0}, "audio"),
        (engine.Inpaint, {"start_time": 1.0, "end_time": 2.0, "oss_steps": [1, 2], "scheduler": "heun"}, "oss_steps"),
    ],
)
def test_errors_name_the_field(model: engine.Model, request_type: type, fields: dict, field: str) -> None:
    with pytest.raises(engine.InvalidRequest) as caught:
        model.render(request_type(**{"audio": music(4.0), **quick(), **fields}))
    assert caught.value.field == field


def test_unknown_models_and_devices() -> None:
    with pytest.raises(engine.CheckpointError, match="nano"):
        load("no-such-model")
    with pytest.raises(engine.EngineError, match="device"):
        load(GOLDEN / "tiny_checkpoint", device="quantum")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_written_files_keep_the_numbers_of_the_source(model: engine.Model, tmp_path, subtype: str) -> None:
    source, path, out = music(), tmp_path / "song.wav", tmp_path / "out.wav"
    soundfile.write(path, source.samples.T.astype(np.float64) * 0.999, 48000, subtype=subtype)
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0)
    result = model.render(engine.Inpaint(audio=path, **fields))
    result.write(out)
    before, after = (soundfile.read(p, dtype="float64", always_2d=True)[0] for p in (path, out))
    assert soundfile.info(out).subtype == subtype and before.shape == after.shape
    fade = 1440
    np.testing.assert_array_equal(after[: 96000 - fade], before[: 96000 - fade])
    np.testing.assert_array_equal(after[144000 + fade :], before[144000 + fade :])
    assert (after[96000:144000] != before[96000:144000]).any()


def test_a_clip_is_written_at_the_depth_of_its_source(model: engine.Model, tmp_path) -> None:
    path, out = tmp_path / "song.wav", tmp_path / "clip.wav"
    soundfile.write(path, music().samples.T, 48000, subtype="PCM_24")
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0, output="clip")
    model.render(engine.Inpaint(audio=path, **fields)).write(out, recipe={"seed": 7})
    info = soundfile.info(out)
    assert info.subtype == "PCM_24" and info.frames == 48000 + 2 * 1440 and info.samplerate == 48000


def test_the_seam_report_comes_with_every_joined_result(model: engine.Model) -> None:
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0, candidates=3)
    results = model.render_all(engine.Inpaint(audio=music(), **fields))
    scores = [r.report["seam_report"]["score"] for r in results]
    assert results[0].kept and scores[0] == min(scores) and not results[1].kept
    assert results[0].report["seam_report"]["samples_changed_outside"] == 0
    assert "source's own" in results[0].report["seam_report"]["words"][0]
    json.dumps(results[0].report)


def test_another_sample_rate_is_given_where_asked_for(model: engine.Model) -> None:
    fields = quick(start_time=2.0, end_time=3.0, context_seconds=1.0, sample_rate=44100)
    result = model.render(engine.Inpaint(audio=music(), **fields))
    assert result.sample_rate == 44100 and result.audio.shape[1] == 6 * 44100
    made = model.render(engine.TextToAudio(**quick(duration=1.0, sample_rate=32000)))
    assert made.sample_rate == 32000 and made.audio.shape[1] == -(-10 * 4096 * 32000 // 44100)
