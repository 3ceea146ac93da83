"""What our tasks do better than the reference (fourteen points of docs/decisions.md), on the tiny checkpoint."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.errors import Cancelled
from engine.families.v1.conditioner import Conditioner, Words
from engine.families.v1.family import draw_noise
from engine.sampling.denoise import Progress, denoise
from engine.sampling.noise import SeededNoise
from engine.tasks import audio_to_audio, inpaint, outpaint, retake, text_to_audio
from engine.tasks.settings import EditRange, Settings
from tests.support.golden_runs import GOLDEN, RUNS, error, networks, plan_of, run, settings_of, wanted
from tests.support.task_material import FRAMES, SOURCE, finished, inputs, mask, small

OTHER = Words("heavy metal, drums", (261, 259, 243, 2))
SCHEDULERS = ("euler", "heun", "pingpong")


@torch.inference_mode()
def made_by(task: str, settings: Settings, seeds: tuple[int, ...]) -> Tensor:
    given = inputs(settings, seeds)
    if task == "inpaint":
        return denoise(inpaint.prepare(given, inpaint.Region(SOURCE, mask(10, 20))))
    if task == "outpaint":
        given = inputs(replace(settings, variance=1.0), seeds)
        extension = outpaint.Extension(SOURCE, 4, 5, ~mask(4, 4 + FRAMES, FRAMES + 9))
        return denoise(outpaint.prepare(given, extension))
    if task == "edit":
        return denoise(audio_to_audio.prepare_edit(given, audio_to_audio.Original(SOURCE, OTHER)))
    if task == "reference":
        return denoise(audio_to_audio.prepare_reference(given, SOURCE))
    return denoise((retake if task == "retake" else text_to_audio).prepare(given))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("task", ["text", "retake", "inpaint", "outpaint", "edit", "reference"])
def test_an_item_of_a_batch_equals_itself_alone(task: str, scheduler: str) -> None:
    """The reference couples items through the omega mean and shares ping-pong's noise; edit fails on a batch."""
    settings = small(scheduler=scheduler)
    both = made_by(task, settings, (5, 6))
    alone = made_by(task, settings, (6,))
    assert both.shape[0] == 2 and error(both[1:], alone) < 1e-4
    assert error(both[:1], alone) > 1e-2


@pytest.mark.parametrize("name", ["t2m_batch2", "t2m_batch2_pingpong"])
def test_the_coupled_golden_batches_equal_their_items_alone(name: str) -> None:
    entry = RUNS[name]
    frames = wanted(name).shape[-1]
    pairs = [
        (SeededNoise([s], frames, draw_noise), SeededNoise([1001], frames, draw_noise)) for s in entry["actual_seeds"]
    ]
    alone = torch.cat([run(name, pair) for pair in pairs])
    both = (SeededNoise(entry["actual_seeds"], frames, draw_noise), SeededNoise([1001, 1001], frames, draw_noise))
    assert error(run(name, both), alone) < 1e-4


def test_without_omega_the_coupled_golden_would_be_ours() -> None:
    """The first item of the golden batch differs by the omega mean only: within 2 %, the rest is the same path."""
    assert 1e-3 < error(run("t2m_batch2"), wanted("t2m_batch2")) < 0.05


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_inpaint_variance_0_gives_the_source_back(scheduler: str) -> None:
    """The reference's loop never runs then, and it returns pure noise."""
    plan = inpaint.prepare(inputs(small(scheduler=scheduler, variance=0.0)), inpaint.Region(SOURCE, mask(10, 20)))
    assert plan.evaluations == 0
    torch.testing.assert_close(finished(plan), SOURCE, rtol=0, atol=0)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_inpaint_keeps_the_source_outside_the_mask(scheduler: str) -> None:
    got = made_by("inpaint", small(scheduler=scheduler, variance=0.7), (42,))
    torch.testing.assert_close(got[..., :10], SOURCE[..., :10])
    torch.testing.assert_close(got[..., 20:], SOURCE[..., 20:])
    assert error(got[..., 10:20], SOURCE[..., 10:20]) > 0.1


def test_inpaint_walks_as_its_scheduler_does() -> None:
    """Heun corrects each step but the last; the reference makes zero-length Euler steps of them."""
    stages = {}
    for scheduler in SCHEDULERS:
        settings = small(scheduler=scheduler, number_of_steps=6, variance=0.5)
        plan = inpaint.prepare(inputs(settings), inpaint.Region(SOURCE, mask(10, 20)))
        stages[scheduler] = plan.legs[0].stages
    assert len(stages["euler"]) == len(stages["pingpong"]) == 3
    assert [s.corrects for s in stages["heun"]] == [False, True, False, True, False]
    assert stages["heun"][0].sigma == stages["euler"][0].sigma
    made = {s: made_by("inpaint", small(scheduler=s), (42,)) for s in SCHEDULERS}
    assert error(made["heun"], made["euler"]) > 1e-3 and error(made["pingpong"], made["euler"]) > 1e-3


def test_heun_in_inpaint_is_guided_in_the_middle_of_its_steps() -> None:
    settings = small(scheduler="heun", number_of_steps=8, variance=1.0)
    plan = inpaint.prepare(inputs(settings), inpaint.Region(SOURCE, mask(10, 20)))
    guide = plan.legs[0].velocity.guide
    guided = {s.step for s in plan.legs[0].stages if guide.scale(s.step) is not None}
    assert guided == {2, 3, 4, 5}


@pytest.mark.parametrize(("before", "after"), [(10, 26), (50, 0), (0, 60), (40, 45)])
def test_outpaint_on_both_sides_and_by_more_than_the_source(before: int, after: int) -> None:
    """The reference is short by the left side, or asserts."""
    total = before + FRAMES + after
    made = ~mask(before, before + FRAMES, total)
    plan = outpaint.prepare(inputs(small(variance=1.0)), outpaint.Extension(SOURCE, before, after, made))
    got = finished(plan)
    assert got.shape[-1] == total
    torch.testing.assert_close(got[..., before : before + FRAMES], SOURCE)
    new = torch.cat([got[..., :before], got[..., before + FRAMES :]], dim=-1)
    assert new.isfinite().all() and new.std() > 0.1


def test_outpaint_sides_do_not_share_noise() -> None:
    plan = outpaint.prepare(
        inputs(small(variance=1.0)), outpaint.Extension(SOURCE, 30, 30, ~mask(30, 30 + FRAMES, 60 + FRAMES))
    )
    left, right = plan.start[..., :30].flatten(), plan.start[..., -30:].flatten()
    assert abs(torch.corrcoef(torch.stack([left, right]))[0, 1]) < 0.1


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_edit_with_each_scheduler_changes_the_source(scheduler: str) -> None:
    """With ping-pong the reference throws the edited leg away and returns the source."""
    for share in (EditRange(0.5, 1.0), EditRange(0.25, 0.5), EditRange(0.0, 0.0)):
        got = made_by("edit", small(scheduler=scheduler, edit=share), (42,))
        assert got.isfinite().all() and error(got, SOURCE) > 0.05


def test_edit_without_a_step_gives_the_source_back() -> None:
    got = made_by("edit", small(edit=EditRange(1.0, 1.0)), (42,))
    torch.testing.assert_close(got, SOURCE)


def test_reference_at_full_strength_gives_the_source_back() -> None:
    got = made_by("reference", small(strength=1.0), (42,))
    torch.testing.assert_close(got, SOURCE)


def test_reference_ignores_oss_steps_and_counts_its_own() -> None:
    settings = small(number_of_steps=8, strength=0.5, oss_steps=(1, 3))
    assert audio_to_audio.prepare_reference(inputs(settings), SOURCE).evaluations == 4


def test_a_guidance_interval_of_one_step_uses_the_full_scale() -> None:
    guidance = replace(Settings().guidance, interval=0.3, interval_decay=1.0)
    got = made_by("text", small(number_of_steps=6, guidance=guidance), (42,))
    assert got.isfinite().all()


@pytest.mark.parametrize("steps", [1, 2])
def test_the_smallest_numbers_of_steps(steps: int) -> None:
    for task in ("text", "inpaint", "outpaint", "edit", "reference"):
        assert made_by(task, small(number_of_steps=steps, variance=1.0, strength=0.2), (42,)).isfinite().all()


def test_retake_variance_runs_from_the_first_take_to_another() -> None:
    first = made_by("text", small(), (42,))
    assert error(made_by("retake", small(variance=0.0), (42,)), first) < 1e-5
    assert error(made_by("retake", small(variance=1.0), (42,)), first) > 0.1


def test_all_passes_of_a_step_are_one_batch() -> None:
    """Three conditions and two items: six rows in one call, where the reference makes three calls."""
    rows = []
    block = networks().transformer.transformer_blocks[1]  # before it some work is done once for all passes
    handle = block.register_forward_hook(lambda _m, given, _o: rows.append(len(given[0])))
    try:
        guidance = replace(Settings().guidance, double=True, interval=1.0)
        made_by("text", small(guidance=guidance), (1, 2))
    finally:
        handle.remove()
    assert rows == [6, 6, 6, 6]


def test_contexts_are_made_once_for_equal_words() -> None:
    conditioner = Conditioner(networks().transformer, networks().text_encoder)
    calls = []
    encode = networks().text_encoder.model.register_forward_hook(lambda *_: calls.append(1))
    try:
        for seed in (1, 2, 3):
            given = replace(inputs(small(), (seed,)), model=conditioner)
            finished(text_to_audio.prepare(given))
    finally:
        encode.remove()
    assert len(calls) == 2  # plain and weakened, once each


def test_cancel_stops_within_one_step_and_steps_are_told_in_order() -> None:
    seen: list[Progress] = []
    cancel = threading.Event()

    def on_step(progress: Progress) -> None:
        seen.append(progress)
        if progress.step == 3:
            cancel.set()

    with pytest.raises(Cancelled), torch.inference_mode():
        denoise(plan_of("t2m_euler_apg"), on_step, cancel)
    assert seen == [Progress("denoise", n, 6) for n in (1, 2, 3)]


def test_the_repository_holds_the_goldens() -> None:
    assert settings_of(RUNS["t2m_oss"]["args"]).oss_steps == (1, 3, 5, 8)
    assert (GOLDEN / "tiny_checkpoint").is_dir()
