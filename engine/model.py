"""The way in: `load` a model, `render` requests with it. Knows folders and devices; the work is in `rendering`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from msgspec import UNSET

from engine.checkpoints import registry
from engine.checkpoints.identity import fingerprint
from engine.checkpoints.load import load_networks
from engine.checkpoints.lora import Lora, LoraSet
from engine.checkpoints.networks import Networks
from engine.constants import MAX_DURATION_SECONDS, frames_of
from engine.errors import OutOfMemory
from engine.rendering.codec import Codec
from engine.rendering.device import choose_device, choose_dtype
from engine.rendering.job import Job, Parts
from engine.rendering.memory import (
    MemoryMode,
    Placement,
    Work,
    choose_mode,
    expected_peak_bytes,
    free_bytes,
    is_out_of_memory,
    lower_mode,
    mode_named,
)
from engine.rendering.render import Render
from engine.rendering.run import render_job
from engine.rendering.words import Reader
from engine.requests import Inpaint, Outpaint, PromptToAudio, Request, Resolved, resolve
from engine.requests.recipe import ModelIdentity
from engine.sampling.conditioning import Conditioner
from engine.sampling.denoise import Cancel, OnStep, Progress
from engine.tasks.prompt_to_audio import text_request

__all__ = ["Model", "Progress", "Render", "load"]

logger = logging.getLogger(__name__)


def load(
    path_or_name: str | Path = "nano",
    device: str = "auto",
    dtype: str = "auto",
    memory: str = "auto",
    on_step: OnStep | None = None,
) -> Model:
    """A model by its name in the registry, or by the path of a checkpoint folder or single file.

    `device` is auto, cpu, cuda or mps; `dtype` auto, bf16, fp16 or fp32; `memory` auto, resident,
    tiled or offloaded. Raises CheckpointError for a model that is
    not there or not whole, EngineError for a device that cannot be used.
    """
    if on_step is not None:
        on_step(Progress("load", 0, 1))
    entry = registry.resolve(str(path_or_name))
    where = choose_device(device)
    networks = load_networks(entry.folder, where, choose_dtype(where, dtype))
    if on_step is not None:
        on_step(Progress("load", 1, 1))
    return Model(entry.name, networks, memory)


class Model:
    """Networks on a device, with what is kept between jobs: text states, contexts, latents, LoRAs.

    One job runs at a time; a second thread waits.
    """

    def __init__(self, name: str, networks: Networks, memory: str = "auto") -> None:
        self.name = name
        self.identity = ModelIdentity(name, fingerprint(networks.source))
        self.networks = networks
        self._memory = None if memory == "auto" else mode_named(memory)
        self._placement = Placement(networks)
        use = self._placement.use
        self._conditioner = Conditioner(networks.transformer, networks.text_encoder, use)
        self._codec = Codec(networks.autoencoder, networks.device, use=use)
        self._loras = LoraSet(networks.transformer)
        self._lock = threading.Lock()

    @property
    def memory_mode(self) -> MemoryMode:
        """How the last job ran; the next one chooses anew unless the mode was given."""
        return self._placement.mode

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.networks.device

    @property
    def default_request(self) -> Mapping[str, Any]:
        """Values of request fields that this model prefers where none are given."""
        return self.networks.config.default_request

    def render(self, request: Request, on_step: OnStep | None = None, cancel: Cancel | None = None) -> Render:
        """The first result of `render_all`: of the first variation, the candidate with the best seam."""
        return self.render_all(request, on_step, cancel)[0]

    def render_all(self, request: Request, on_step: OnStep | None = None, cancel: Cancel | None = None) -> list[Render]:
        """Every variation and candidate, sorted by variation, the kept candidate of each first.

        `on_step` is called with a `Progress` for each step of the stages encode, denoise, decode and seam; `cancel`
        is anything with `is_set()`. Raises InvalidRequest, CheckpointError (of a LoRA), Cancelled.
        """
        said: tuple[str, ...] = ()
        if isinstance(request, PromptToAudio):
            request, said = text_request(request)
        resolved = resolve(request, self.default_request)
        resolved = replace(resolved, warnings=(*said, *resolved.warnings))
        with self._lock, torch.inference_mode():
            self._use_loras(resolved.request)
            mode: MemoryMode | None = self._memory or self._choose_mode(resolved)
            tried: list[str] = []
            while mode is not None:
                try:
                    return self._render(resolved, mode, on_step, cancel)
                except (torch.OutOfMemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    tried.append(f"{mode.name} ({self._expected(resolved, mode) / 1e9:.1f} GB expected)")
                mode = self._step_down(mode)
        raise self._nothing_fits(tried)

    def _render(
        self, resolved: Resolved, mode: MemoryMode, on_step: OnStep | None, cancel: Cancel | None
    ) -> list[Render]:
        self._placement.set_mode(mode)
        self._codec.tile_frames = mode.tile_frames
        logger.info("memory: %s, %.1f GB expected", mode.name, self._expected(resolved, mode) / 1e9)
        reader = Reader(resolved, self.networks.config, self.networks.lyric_vocab)
        parts = Parts(self.identity, self.networks, self._conditioner, self._codec, mode.items_at_once)
        job = Job(parts, resolved, reader, on_step, cancel)
        with job.timed("total"):
            results = render_job(job)
        for result in results:
            result.report["memory"] = mode.name
        return results

    def _choose_mode(self, resolved: Resolved) -> MemoryMode:
        there = not self._placement.mode.offloads
        return choose_mode(self.networks, work_of(resolved), free_bytes(self.device), there)

    def _step_down(self, mode: MemoryMode) -> MemoryMode | None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        lower = lower_mode(mode)
        if lower is not None:
            logger.warning("memory: %s ran out of memory, trying %s", mode.name, lower.name)
        return lower

    def _expected(self, resolved: Resolved, mode: MemoryMode) -> int:
        return expected_peak_bytes(self.networks, work_of(resolved), mode)

    def _nothing_fits(self, tried: list[str]) -> OutOfMemory:
        free = free_bytes(self.device)
        known = "" if free is None else f", {free / 1e9:.1f} GB are free"
        return OutOfMemory(
            f"Out of memory on {self.device}: tried {', '.join(tried)}{known}. "
            "Choose a shorter region or less context_seconds, or use a smaller model."
        )

    def _use_loras(self, request: Any) -> None:
        paths = [] if request.lora is UNSET else request.lora
        weights = [1.0] * len(paths) if request.lora_weight is UNSET else request.lora_weight
        wanted = tuple(Lora(Path(p), w) for p, w in zip(paths, weights, strict=True))
        before = self._loras.active
        self._loras.apply(wanted)
        if self._loras.active != before:
            self._conditioner.clear_contexts()


def work_of(resolved: Resolved) -> Work:
    """What a resolved request asks of the memory; windows are taken at their longest."""
    request: Any = resolved.request
    passes = 3 if resolved.double_guidance else 2
    seconds = getattr(request, "duration", None)
    if seconds is None:
        context = getattr(request, "context_seconds", None)
        region = _region_length(request)
        seconds = MAX_DURATION_SECONDS if context is None or region is None else region + 2 * context
    return Work(len(resolved.seeds), passes, frames_of(min(seconds, MAX_DURATION_SECONDS)))


def _region_length(request: Any) -> float | None:
    """Seconds that are made anew, where the request alone says it."""
    if isinstance(request, Outpaint):
        given: Any = request
        return float(given.extend_before_duration + given.extend_after_duration)
    if not isinstance(request, Inpaint) or request.end_time is UNSET:
        return None
    same = request.start_time_relative_to == request.end_time_relative_to
    return abs(request.end_time - request.start_time) if same else None  # type: ignore[operator]
