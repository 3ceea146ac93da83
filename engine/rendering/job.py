"""One render's circumstances: its request, clock, progress and cancellation, and sampling in batches that fit.

Knows plans and a model's parts; knows no audio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from engine.audio.buffer import Samples
from engine.constants import OUTPUT_SAMPLE_RATE
from engine.effects.chain import apply_effects
from engine.families.family import Family, Reader
from engine.geometry import Geometry
from engine.memory.device import Pace, synchronize, to_host
from engine.rendering.codec import Codec, finite
from engine.rendering.order import Order
from engine.rendering.source import Source
from engine.requests.recipe import ModelIdentity
from engine.requests.resolve import Resolved
from engine.sampling.conditions import Words
from engine.sampling.denoise import Cancel, OnStep, Progress, check_cancel, denoise
from engine.sampling.noise import SeededNoise
from engine.tasks.inputs import Inputs
from engine.tasks.settings import Settings, settings_of
from engine.tasks.task import Material

_TELL_SECONDS = 5.0
LARGEST_BATCH = 16  # as many variations as a request may have: a recipe can ask for the whole batch again


@dataclass(frozen=True)
class Parts:
    """What a loaded model lends to a job."""

    identity: ModelIdentity
    family: Family
    codec: Codec
    device: torch.device
    items_at_once: int


@dataclass
class Job:
    """A resolved request on its way through the model. `runs` is how many runs of the sampler it takes."""

    parts: Parts
    order: Order
    reader: Reader
    on_step: OnStep | None = None
    cancel: Cancel | None = None
    timings: dict[str, float] = field(default_factory=dict)
    runs: int = 1
    runs_done: int = 0
    _decodes: int = 1

    @property
    def resolved(self) -> Resolved:
        """The request with nothing left open."""
        return self.order.resolved

    @property
    def source(self) -> Source:
        """The source of a task that has one."""
        assert self.order.source is not None
        return self.order.source

    @property
    def settings(self) -> Settings:
        """How it samples, with the parts of ERG and the guidance that the model has."""
        settings, family = settings_of(self.resolved), self.parts.family
        guidance = family.limited_guidance(settings.guidance)
        return replace(settings, erg=family.limited_erg(settings.erg), guidance=guidance)

    @property
    def geometry(self) -> Geometry:
        """How the model's frames lie on samples."""
        return self.parts.family.facts.geometry

    @property
    def items(self) -> int:
        """Results to make: variations times candidates."""
        return len(self.resolved.seeds)

    @property
    def device(self) -> torch.device:
        """Where the state lives."""
        return self.parts.device

    def report(self, stage: str, step: int, steps: int) -> None:
        """Tell the caller, and stop where it asked for that."""
        check_cancel(self.cancel)
        if self.on_step is not None:
            self.on_step(Progress(stage, step, steps))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of a stage to `timings`."""
        check_cancel(self.cancel)
        began = time.perf_counter()
        yield
        synchronize(self.device)
        self.timings[stage] = self.timings.get(stage, 0.0) + time.perf_counter() - began

    def sample(self, frames: int, words: Words, material: Material | None) -> tuple[Tensor, bool]:
        """Latents of every item, (B, C, H, T) on the CPU, and whether anything was made at all.

        `frames` are those that noise is drawn for. Items go through the sampler in batches that fit.
        """
        chunks = self._batches()
        latents, walked = [], False
        with self.timed("denoise"):
            for number, chunk in enumerate(chunks):
                plan = self.order.task.plan(self._inputs(frames, words, slice(chunk.start, chunk.stop)), material)
                walked = walked or bool(plan.legs)
                share = (number + self.runs_done * len(chunks), self.runs * len(chunks))
                on_progress = self._progress(plan.evaluations, *share)
                walked_to = to_host(denoise(plan, on_progress, self.cancel, Pace(self.device)))
                latents.append(finite(walked_to, "denoise"))
        self.runs_done += 1
        return torch.cat(latents), walked

    def batch_of(self, item: int) -> range:
        """The items that go through the sampler together with this one, itself included."""
        return next(batch for batch in self._batches() if item in batch)

    def _batches(self) -> list[range]:
        size = min(self.parts.items_at_once, LARGEST_BATCH)
        return [range(i, min(i + size, self.items)) for i in range(0, self.items, size)]

    def _inputs(self, frames: int, words: Words, chunk: slice) -> Inputs:
        family = self.parts.family
        return Inputs(
            self.settings,
            words,
            family.velocity(self.resolved),
            SeededNoise(self.resolved.seeds[chunk], frames, family.draw_noise),
            SeededNoise(self.resolved.retake_seeds[chunk], frames, family.draw_noise),
            self.device,
        )

    def _progress(self, evaluations: int, before: int, total: int) -> OnStep | None:
        if self.on_step is None:
            return None
        report = self.on_step

        def on_step(progress: Progress) -> None:
            report(Progress("denoise", before * evaluations + progress.step, total * evaluations))

        return on_step

    def on_tile(self, item: int) -> Callable[[int, int], None]:
        """Progress of decoding item number `item` of all."""

        def told(done: int, tiles: int) -> None:
            self._decodes = self.items * tiles
            self.report("decode", item * tiles + done, self._decodes)

        return told

    def check_effects(self) -> None:
        """Load the effects and let them go, so that what they cannot do is said before the work. Raises InvalidRequest,
        EffectFailed."""
        if self.order.effects:
            self._through([], OUTPUT_SAMPLE_RATE, "load")

    def effected(self, audios: list[Samples], sample_rate: int) -> list[Samples]:
        """Audio (channels, n) of every item through the request's effects."""
        if not self.order.effects or not audios:
            return audios
        with self.timed("effects"):
            return self._through(audios, sample_rate, "effects")

    def _through(self, audios: list[Samples], sample_rate: int, stage: str) -> list[Samples]:
        def stopped() -> bool:  # called all the while; the steps tell the daemon that the job has not stopped
            if time.monotonic() - told[0] > _TELL_SECONDS:
                told[0] = time.monotonic()
                self.report(stage, 0, 1)
            return self.cancel is not None and self.cancel.is_set()

        told = [time.monotonic()]
        self.report(stage, 0, 1)
        return apply_effects(audios, sample_rate, self.order.effects, self.resolved.effects_tail, stopped).items

    def decoded(self) -> None:
        """Tell that the last tile is done."""
        self.report("decode", self._decodes, self._decodes)
