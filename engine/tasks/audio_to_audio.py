"""Audio-to-audio: from the noised source (reference), or by the difference of two prompts (remix, lyrics).

Knows plans; knows no audio. The second is FlowEdit (arXiv 2412.08629), with the sigmas of the reference.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from torch import Tensor

from engine.sampling.conditioning import Conditioner, Words, wanted_edit_context
from engine.sampling.denoise import Leg, Plan, noised
from engine.sampling.guidance import Guide, Momentum, Pass
from engine.sampling.noise import to_device
from engine.sampling.predictor import Predictor
from engine.sampling.schedules import Stage, get_schedule, get_sigmas, once_shifted
from engine.sampling.steppers import make_stepper
from engine.sampling.velocities import EditVelocity, GuidedVelocity, Side
from engine.tasks.inpaint import remaining_stages
from engine.tasks.settings import Settings
from engine.tasks.text_to_audio import Inputs, guided_velocity

EDIT_PASSES = (Pass.CONDITIONAL, Pass.UNCONDITIONAL)


@dataclass(frozen=True)
class Original:
    """What is there: its latents (1 or B, 8, 16, T), its tags and lyrics."""

    latents: Tensor
    words: Words


def prepare_reference(inputs: Inputs, reference: Tensor) -> Plan:
    """Start from the reference at the noise that `strength` leaves; strength 1 gives the reference back.

    The reference is mixed at a once-shifted sigma although the first timestep is shifted twice: that is how the
    released settings are used.
    """
    settings = inputs.settings
    noise = inputs.first_noise()
    source = reference.to(inputs.device).expand_as(noise)
    highest = 1.0 - settings.strength
    steps = int(highest * settings.number_of_steps)
    if steps < 1:
        return Plan(source.clone(), ())
    leg = Leg(
        replace(settings, oss_steps=()).schedule(highest, steps),
        guided_velocity(inputs, steps),
        make_stepper(settings.scheduler, inputs.noise, settings.factor),
    )
    return Plan(noised(source, noise, once_shifted(highest)), (leg,))


def prepare_edit(inputs: Inputs, original: Original) -> Plan:
    """Walk the difference of the prompts from n_min to n_max, then follow the target alone.

    Noise comes from the retake seed. Ping-pong has no meaning for a difference, so its first leg is Euler's.
    """
    settings = inputs.settings
    frames = original.latents.shape[-1]
    items = inputs.retake_noise.items
    source = original.latents.to(inputs.device).expand(items, -1, -1, frames)
    early, late = _edit_stages(settings)
    predictor = _edit_predictor(inputs.conditioner, original.words, inputs.words, settings)
    difference = EditVelocity(
        predictor,
        source,
        _side(settings, "source", Momentum()),
        _side(settings, "target", None),
        inputs.retake_noise,
        settings.edit.n_avg,
    )
    legs = []
    if early:
        legs.append(Leg(early, difference, make_stepper(_difference_scheduler(settings), inputs.retake_noise)))
    if late:
        legs.append(_target_leg(inputs, predictor, source, late))
    return Plan(source.clone(), tuple(legs))


def _target_leg(inputs: Inputs, predictor: Predictor, source: Tensor, stages: tuple[Stage, ...]) -> Leg:
    def enter(state: Tensor) -> Tensor:
        noise = to_device(inputs.retake_noise.draw(state.shape[-1]), state.device)
        return state + noised(source, noise, stages[0].sigma) - source

    side = _side(inputs.settings, "target", Momentum())
    velocity = GuidedVelocity(predictor, side.guide, side.names, counts_steps=True)
    return Leg(stages, velocity, make_stepper(inputs.settings.scheduler, inputs.retake_noise), enter)


def _edit_stages(settings: Settings) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """Stages before and after n_max; oss_steps choose levels as elsewhere."""
    stages = get_schedule(
        get_sigmas(settings.number_of_steps, oss_steps=settings.oss_steps), settings.scheduler == "heun"
    )
    first = int(settings.levels * settings.edit.n_min)
    turn = int(settings.levels * settings.edit.n_max)
    edited = remaining_stages(stages, first)
    late = remaining_stages(edited, max(turn, first))
    early = edited[: len(edited) - len(late)] if late else edited
    return early, late


def _difference_scheduler(settings: Settings) -> str:
    return "euler" if settings.scheduler == "pingpong" else settings.scheduler


def _side(settings: Settings, name: str, momentum: Momentum | None) -> Side:
    """Flow-edit's guidance: APG at full scale in every step, whatever the request's kind and interval."""
    guidance = replace(settings.guidance, kind="apg", interval=1.0, interval_decay=0.0, double=False)
    names: dict[Pass, Hashable] = {which: (name, which) for which in EDIT_PASSES}
    return Side(Guide(guidance, settings.levels, momentum=momentum), names)


def _edit_predictor(conditioner: Conditioner, source: Words, target: Words, settings: Settings) -> Predictor:
    passes = EDIT_PASSES if settings.guidance.is_on else EDIT_PASSES[:1]
    wanted = {
        (name, which): wanted_edit_context(words, which)
        for name, words in (("source", source), ("target", target))
        for which in passes
    }
    contexts = conditioner.contexts(wanted.values())
    return Predictor(conditioner.transformer, dict(zip(wanted, contexts, strict=True)), evaluate=conditioner.evaluate)
