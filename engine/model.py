"""The way in: `load` a model, `render` requests with it. Knows folders and devices; the work is in `rendering`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from msgspec import UNSET

from engine.checkpoints import registry
from engine.checkpoints.hub import PullProgress
from engine.checkpoints.identity import fingerprint
from engine.checkpoints.int8 import check_available
from engine.checkpoints.lora import Lora
from engine.checkpoints.lora_pull import lora_path
from engine.errors import OutOfMemory
from engine.families.family import LoadedNetworks
from engine.families.table import load_networks, make_family
from engine.memory.demand import source_shape, work_of
from engine.memory.device import choose_device, choose_dtype
from engine.memory.main_memory import check_results_fit, free_main_memory, give_back, returning_memory
from engine.memory.placement import Placement, free_bytes, is_out_of_memory, modes_of
from engine.memory.plan import MemoryMode, Work, choose_mode, expected_peak_bytes, in_words, lower_mode, mode_named
from engine.rendering.codec import Codec
from engine.rendering.job import Job, Parts
from engine.rendering.latent_cache import LatentCache
from engine.rendering.pipeline import render_job
from engine.rendering.render import Render
from engine.requests import PromptToAudio, Request, Resolved, resolve
from engine.requests.recipe import ModelIdentity
from engine.sampling.denoise import Cancel, OnStep, Progress, check_cancel
from engine.tasks.prompt_to_audio import text_request

__all__ = ["Model", "Progress", "Render", "load"]

logger = logging.getLogger(__name__)
ROUNDED = "Memory was short: the model's weights were rounded to 8 bits, which changes the music a little."


def load(
    path_or_name: str | Path = "nano",
    device: str = "auto",
    dtype: str = "auto",
    memory: str = "auto",
    on_step: OnStep | None = None,
    speed: str = "auto",
    cache_folder: Path | None = None,
) -> Model:
    """A model by its name in the registry, or by the path of a checkpoint folder or single file.

    `device` is auto, cpu, cuda or mps; `dtype` auto, bf16, fp16 or fp32; `memory` auto or a mode of
    `engine.memory.plan` (resident, tiled, offloaded, int8, int8-offloaded); `speed` auto (CUDA graphs
    where there is CUDA), plain, graphs or compiled. `cache_folder` keeps latents of known audio beyond this process.
    Raises CheckpointError for a model that is not there or not whole, EngineError for a device, mode or speed that
    cannot be used.
    """
    if on_step is not None:
        on_step(Progress("load", 0, 1))
    entry, where = registry.resolve(str(path_or_name)), choose_device(device)
    mode = None if memory == "auto" else mode_named(memory)
    int8 = mode is not None and mode.int8
    if int8:
        check_available(where)
    offloads = mode.offloads if mode else where.type == "cuda" and free_bytes(where) < entry.size_bytes
    first = torch.device("cpu") if offloads else where
    networks = load_networks(entry.folder, where, choose_dtype(where, dtype), int8, stored=first)
    if on_step is not None:
        on_step(Progress("load", 1, 1))
    model = Model(entry.name, networks, memory, first == where, speed, cache_folder)
    give_back()
    model.warm_up()
    return model


class Model:
    """Networks on a device, with what is kept between jobs: text states, contexts, latents, LoRAs.

    One job runs at a time; a second thread waits.
    """

    def __init__(
        self,
        name: str,
        networks: LoadedNetworks,
        memory: str = "auto",
        all_here: bool = True,
        speed: str = "auto",
        cache_folder: Path | None = None,
    ) -> None:
        """`memory` is auto or a mode's name; `all_here` says that the weights are on the device already."""
        self.name = name
        self.networks = networks
        self._memory = None if memory == "auto" else mode_named(memory)
        self._placement = Placement(networks, all_here=all_here)
        self._family = make_family(networks, self._placement.use, speed)
        encoder, cache = fingerprint(networks.source), LatentCache(cache_folder)
        self._codec = Codec(
            self._family.autoencoder, networks.device, use=self._placement.use, cache=cache, encoder=encoder
        )
        self._asked = False
        self._lock = threading.Lock()
        self._measure()
        if self._memory is not None and self._memory.int8:
            self._round_weights()

    def warm_up(self) -> None:
        """Get ready for likely jobs, in the background where that takes time, until the first one comes."""
        if self._placement.everything_here and not (self._memory and (self._memory.offloads or self._memory.int8)):
            self._family.warm_up(self._while_unasked)

    def forget_audio(self) -> None:
        """Encode known audio anew when it comes again (a benchmark wants that)."""
        self._codec.forget()

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
        return self._family.facts.default_request

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
        self._asked = True
        shape = source_shape(resolved.request)
        check_results_fit(resolved.request, shape, free_main_memory())
        work = work_of(resolved, self._family.facts.geometry, shape)
        with self._lock, torch.inference_mode(), returning_memory():
            self._use_loras(resolved.request, on_step, cancel)
            mode: MemoryMode | None = self._memory or self._choose_mode(work)
            tried: list[str] = []
            while mode is not None:
                try:
                    self._enter(mode, work, resolved, cancel)
                    return self._render(resolved, mode, on_step, cancel)
                except (torch.OutOfMemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    expected = expected_peak_bytes(self._sizes, work, mode)
                    tried.append(f"{mode.name} ({expected / 1e9:.1f} GB expected)")
                mode = self._step_down(mode)
        raise self._nothing_fits(tried)

    def _enter(self, mode: MemoryMode, work: Work, resolved: Resolved, cancel: Cancel | None) -> None:
        if mode.int8 and not all(known.int8 for known in self._modes):
            logger.warning("memory: weights are rounded to 8 bits from now on, until the model is loaded again")
            self._round_weights()
            self._use_loras(resolved.request)
        self._placement.set_mode(mode)
        self._codec.tile_frames = mode.tile_frames
        self._family.enter(mode, lambda: check_cancel(cancel))
        logger.info("memory: %s", in_words(self._sizes, work, mode, self._room()))

    def _render(
        self, resolved: Resolved, mode: MemoryMode, on_step: OnStep | None, cancel: Cancel | None
    ) -> list[Render]:
        parts = Parts(self.identity, self._family, self._codec, self.device, mode.items_at_once)
        job = Job(parts, resolved, self._family.reader(resolved), on_step, cancel)
        with job.timed("total"):
            results = render_job(job)
        for result in results:
            result.report["memory"] = mode.name
            if mode.int8 and self._memory is None:
                result.report["warnings"].append(ROUNDED)
        return results

    def _measure(self) -> None:
        """Sizes, modes and identity: what rounded weights change."""
        self._sizes, self._modes = self._family.sizes(), modes_of(self.networks)
        weights = "int8" if all(mode.int8 for mode in self._modes) else ""
        self.identity = ModelIdentity(self.name, fingerprint(self.networks.source), weights)

    def _round_weights(self) -> None:
        """Hold the weights in 8 bits; what was made with the others is forgotten."""
        check_available(self.device)
        self._family.loras.clear()
        self._family.round_weights()
        self._measure()

    def _room(self) -> int:
        """Bytes that a job can have, its weights included."""
        there = self._placement.everything_here or self._sizes.shared
        return free_bytes(self.device) + (sum(self._sizes.of_weights(self._modes[0]).values()) if there else 0)

    def _choose_mode(self, work: Work) -> MemoryMode:
        return choose_mode(self._sizes, work, self._room(), self._modes)

    @contextmanager
    def _while_unasked(self) -> Iterator[bool]:
        with self._lock:
            yield not self._asked

    def _step_down(self, mode: MemoryMode) -> MemoryMode | None:
        self._family.free_prepared()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        lower = lower_mode(mode, self._modes)
        if lower is not None:
            logger.warning("memory: %s ran out of memory, trying %s", mode.name, lower.name)
        return lower

    def _nothing_fits(self, tried: list[str]) -> OutOfMemory:
        return OutOfMemory(
            f"Out of memory on {self.device}: tried {', '.join(tried)}; {free_bytes(self.device) / 1e9:.1f} GB are "
            "free. Choose a shorter region or less context_seconds, or use a smaller model."
        )

    def _use_loras(self, request: Any, on_step: OnStep | None = None, cancel: Cancel | None = None) -> None:
        """Make the request's LoRAs the active ones; those with a hub id are pulled when they are first asked for."""
        paths = [] if request.lora is UNSET else request.lora
        weights = [1.0] * len(paths) if request.lora_weight is UNSET else request.lora_weight

        def report(progress: PullProgress) -> None:
            check_cancel(cancel)
            if on_step is not None:
                on_step(Progress("load", progress.done_bytes >> 20, progress.total_bytes >> 20))

        wanted = tuple(Lora(lora_path(p, progress=report), w) for p, w in zip(paths, weights, strict=True))
        loras = self._family.loras
        before = loras.active
        loras.apply(wanted)
        if loras.active != before:
            self._family.forget_contexts()
