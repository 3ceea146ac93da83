"""Audio-to-audio: from the noised source (reference), by the difference of two prompts (remix, lyrics), or new from
what a model keeps of the source (a remix of models that know covers).

Knows plans; knows no audio. The second is FlowEdit (arXiv 2412.08629), with the sigmas of the reference.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from torch import Tensor

from engine.requests import AudioToAudio
from engine.sampling.conditions import Condition, Known, NoiseLevels, Predictor, Words
from engine.sampling.denoise import Leg, Plan, noised
from engine.sampling.guidance import Guide, Momentum, Pass
from engine.sampling.noise import to_device
from engine.sampling.schedulers import SCHEDULERS, make_stepper
from engine.sampling.schedules import Stage
from engine.sampling.velocities import EditVelocity, GuidedVelocity, Side
from engine.tasks.inpaint import remaining_stages
from engine.tasks.inputs import Inputs
from engine.tasks.settings import Settings
from engine.tasks.task import Material, Task
from engine.tasks.text_to_audio import guided_by, guided_velocity

EDIT_PASSES = (Pass.CONDITIONAL, Pass.UNCONDITIONAL)


@dataclass(frozen=True)
class Original:
    """What is there: its latents (1 or B, C, H, T), its tags and lyrics."""

    latents: Tensor
    words: Words


def prepare_reference(inputs: Inputs, reference: Tensor) -> Plan:
    """Start from the reference at the noise that `strength` leaves; strength 1 gives the reference back.

    It is mixed with noise at the level that the model's family starts such runs from.
    """
    settings = inputs.settings
    noise = inputs.first_noise()
    source = reference.to(inputs.device).expand_as(noise)
    highest = 1.0 - settings.strength
    steps = int(highest * settings.number_of_steps)
    if steps < 1:
        return Plan(source.clone(), ())
    leg = Leg(
        replace(settings, oss_steps=()).schedule(inputs.model.levels, highest, steps),
        guided_velocity(inputs, steps, known=Known(source)),
        make_stepper(settings.scheduler, inputs.noise, settings.factor),
    )
    return Plan(noised(source, noise, inputs.model.levels.start(highest)), (leg,))


def prepare_cover(inputs: Inputs, reference: Tensor) -> Plan:
    """From noise, with what the model keeps of the source; after `strength` of the steps as if there were none."""
    settings = inputs.settings
    noise = inputs.first_noise()
    source = reference.to(inputs.device).expand_as(noise)
    stages = settings.schedule(inputs.model.levels)
    late = remaining_stages(stages, int(settings.levels * settings.strength))
    early = stages[: len(stages) - len(late)]
    stepper = make_stepper(settings.scheduler, inputs.noise, settings.factor)
    guide = Guide(settings.guidance, settings.levels, lyrics_matter=inputs.words.sung)
    legs = [
        Leg(part, guided_by(guide, inputs, known, without_source=known is None), stepper)
        for part, known in ((early, Known(source)), (late, None))
        if part
    ]
    return Plan(noise, tuple(legs))


def prepare_edit(inputs: Inputs, original: Original) -> Plan:
    """Walk the difference of the prompts from n_min to n_max, then follow the target alone.

    Noise comes from the retake seed. Where the scheduler has no meaning for a difference (ping-pong), another one
    walks the first leg.
    """
    settings = inputs.settings
    frames = original.latents.shape[-1]
    items = inputs.retake_noise.items
    source = original.latents.to(inputs.device).expand(items, -1, -1, frames)
    early, late = _edit_stages(settings, inputs.model.levels)
    predictor = _edit_predictor(inputs, original.words)
    difference = EditVelocity(
        predictor,
        source,
        _side(settings, "source", Momentum()),
        _side(settings, "target", None),
        inputs.retake_noise,
        settings.edit.n_avg,
    )
    walks = SCHEDULERS[settings.scheduler].for_differences or settings.scheduler
    legs = []
    if early:
        legs.append(Leg(early, difference, make_stepper(walks, inputs.retake_noise)))
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


def _edit_stages(settings: Settings, levels: NoiseLevels) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """Stages before and after n_max; oss_steps choose levels as elsewhere."""
    stages = settings.schedule(levels)
    first = int(settings.levels * settings.edit.n_min)
    turn = int(settings.levels * settings.edit.n_max)
    edited = remaining_stages(stages, first)
    late = remaining_stages(edited, max(turn, first))
    early = edited[: len(edited) - len(late)] if late else edited
    return early, late


def _side(settings: Settings, name: str, momentum: Momentum | None) -> Side:
    """Flow-edit's guidance: APG at full scale in every step, whatever the request's kind and interval."""
    guidance = replace(settings.guidance, kind="apg", interval=1.0, interval_decay=0.0, double=False)
    names: dict[Pass, Hashable] = {which: (name, which) for which in EDIT_PASSES}
    return Side(Guide(guidance, settings.levels, momentum=momentum), names)


def _edit_predictor(inputs: Inputs, source: Words) -> Predictor:
    """Both prompts, with an unconditional pass each that hides the lyrics altogether."""
    passes = EDIT_PASSES if inputs.settings.guidance.is_on else EDIT_PASSES[:1]
    conditions: dict[Hashable, Condition] = {
        (name, which): Condition(words, which, hides_lyrics=which is Pass.UNCONDITIONAL)
        for name, words in (("source", source), ("target", inputs.words))
        for which in passes
    }
    return inputs.model.predictor(conditions)


def plan(inputs: Inputs, material: Material | None) -> Plan:
    """The plan of the edit mode that is asked for."""
    assert material is not None and material.original_words is not None
    if inputs.settings.edit_mode == "reference":
        return prepare_reference(inputs, material.latents)
    if inputs.settings.edit_mode == "remix" and inputs.model.remixes_by_cover:
        return prepare_cover(inputs, material.latents)
    return prepare_edit(inputs, Original(material.latents, material.original_words()))


TASK = Task(AudioToAudio, plan, "source")
