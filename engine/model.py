"""The way in: `load` a model, `render` requests with it. Knows folders and devices; the work is in `rendering`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from engine.checkpoints import registry
from engine.checkpoints.identity import fingerprint
from engine.checkpoints.int8 import check_available
from engine.checkpoints.lora import Lora
from engine.checkpoints.lora_pull import check_pulled, lora_path
from engine.families.family import LoadedNetworks, Timbre
from engine.families.number_types import dtype_of
from engine.families.table import load_networks, make_family
from engine.memory.demand import work_of
from engine.memory.device import choose_device
from engine.memory.kept_products import settle
from engine.memory.ladder import Ladder
from engine.memory.main_memory import check_results_fit, free_main_memory, give_back, returning_memory
from engine.memory.placement import Placement, free_bytes, modes_of
from engine.memory.plan import MemoryMode, Work, mode_named, modes_on
from engine.rendering.codec import Codec
from engine.rendering.job import Job, Parts
from engine.rendering.latent_cache import LatentCache
from engine.rendering.order import Order, order_of
from engine.rendering.own_clips import OwnClips
from engine.rendering.pipeline import render_job
from engine.rendering.render import Render
from engine.requests import Request
from engine.requests.recipe import ModelIdentity
from engine.sampling.denoise import Cancel, OnStep, Progress, check_cancel

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

    `device` is auto, cpu, cuda or mps; `dtype` auto, bf16, fp16 or fp32 (auto on a processor: bf16 for a large model
    of 16 bits, where that is faster); `memory` auto or a mode of `engine.memory.plan` (resident, tiled, offloaded,
    int8, int8-offloaded); `speed` auto (CUDA graphs where there is CUDA), plain, graphs or compiled. `cache_folder`
    keeps latents of known audio beyond this process.
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
    if where.type == "cpu":
        settle()
    number_type = dtype_of(entry.folder, entry.size_bytes, where, dtype)
    networks = load_networks(entry.folder, where, number_type, int8, stored=first)
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
        given = None if memory == "auto" else mode_named(memory, modes_on(networks.device.type))
        self._placement = Placement(networks, all_here=all_here)
        self._ladder = Ladder(self._placement, networks.device, given)
        self._family = make_family(networks, self._placement.use, speed)
        encoder, cache = fingerprint(networks.source), LatentCache(cache_folder)
        self._codec = Codec(
            self._family.autoencoder,
            networks.device,
            use=self._placement.use,
            cache=cache,
            encoder=encoder,
            own=OwnClips(encoder, None if cache_folder is None else cache_folder / "own"),
        )
        self._asked = False
        self._lock = threading.Lock()
        self._measure()
        if given is not None and given.int8:
            self._round_weights()

    def warm_up(self) -> None:
        """Get ready for likely jobs, in the background where that takes time, until the first one comes."""
        given = self._ladder.given
        if self._placement.everything_here and not (given and (given.offloads or given.int8)):
            self._family.warm_up(self._while_unasked)

    def forget_audio(self) -> None:
        """Encode known audio again when it comes again (a benchmark wants that)."""
        self._codec.forget()

    @property
    def memory_mode(self) -> MemoryMode:
        """How the last job ran; the next one chooses again unless the mode was given."""
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
        order = order_of(request, self._family.facts)
        for name, _ in order.resolved.loras:
            check_pulled(name)
        self._asked = True
        check_results_fit(order.resolved, order.extent, free_main_memory())
        work = work_of(order.resolved, order.extent)

        def attempt(mode: MemoryMode) -> list[Render]:
            self._enter(mode, work, order, cancel)
            return self._render(order, mode, on_step, cancel)

        with self._lock, torch.inference_mode(), returning_memory():
            self._use_loras(order.resolved.loras)
            return self._ladder.walk(work, attempt, self._family.free_prepared)

    def _enter(self, mode: MemoryMode, work: Work, order: Order, cancel: Cancel | None) -> None:
        if mode.int8 and not self._ladder.only_int8:
            logger.warning("memory: weights are rounded to 8 bits from now on, until the model is loaded again")
            self._round_weights()
            self._use_loras(order.resolved.loras)
        self._placement.set_mode(mode)
        self._codec.tile_frames = mode.tile_frames
        self._family.enter(mode, lambda: check_cancel(cancel))
        logger.info("memory: %s", self._ladder.in_words(work, mode))

    def _render(self, order: Order, mode: MemoryMode, on_step: OnStep | None, cancel: Cancel | None) -> list[Render]:
        parts = Parts(self.identity, self._family, self._codec, self.device, mode.items_at_once)
        job = Job(parts, order, self._family.reader(order.resolved, self._timbre(order)), on_step, cancel)
        with job.timed("total"):
            results = render_job(job)
        for result in results:
            result.report["memory"] = mode.name
            if mode.int8 and self._ladder.given is None:
                result.report["warnings"].append(ROUNDED)
        return results

    def _timbre(self, order: Order) -> Timbre | None:
        """The latents of the clip that the request names."""
        if order.clip is None:
            return None
        parts = self._family.clip_parts(order.clip.frames, order.clip.sample_rate)
        name, latents = self._codec.encode_parts(order.clip, parts)
        return Timbre(latents, name)

    def _measure(self) -> None:
        """Sizes, modes and identity: what rounded weights change."""
        self._ladder.measure(self._family.sizes(), modes_of(self.networks))
        weights = "int8" if self._ladder.only_int8 else ""
        self.identity = ModelIdentity(self.name, fingerprint(self.networks.source), weights)

    def _round_weights(self) -> None:
        """Hold the weights in 8 bits; what was made with the others is forgotten."""
        check_available(self.device)
        self._family.loras.clear()
        self._family.round_weights()
        self._measure()

    @contextmanager
    def _while_unasked(self) -> Iterator[bool]:
        with self._lock:
            yield not self._asked

    def _use_loras(self, loras: Sequence[tuple[str, float]]) -> None:
        """Make these LoRAs the active ones."""
        wanted = tuple(Lora(lora_path(name), weight) for name, weight in loras)
        before = self._family.loras.active
        self._family.loras.apply(wanted)
        if self._family.loras.active != before:
            self._family.forget_contexts()
