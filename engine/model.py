"""The way in: `load` a model, `render` requests with it. Knows folders and devices; the work is in `rendering`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from msgspec import UNSET

from engine.checkpoints import registry
from engine.checkpoints.load import load_networks
from engine.checkpoints.lora import Lora, LoraSet
from engine.checkpoints.networks import Networks
from engine.codec import Codec
from engine.device import choose_device, choose_dtype
from engine.errors import InvalidRequest
from engine.job import ITEMS_AT_ONCE, Job, Parts
from engine.render_types import Render
from engine.rendering import render_job
from engine.requests import PromptToAudio, Request, resolve
from engine.sampling.conditioning import Conditioner
from engine.sampling.denoise import Cancel, OnStep, Progress
from engine.words import Reader

__all__ = ["Model", "Progress", "Render", "load"]


def load(
    path_or_name: str | Path = "nano",
    device: str = "auto",
    dtype: str = "auto",
    on_step: OnStep | None = None,
) -> Model:
    """A model by its name in the registry, or by the path of a checkpoint folder or single file.

    `device` is auto, cpu, cuda or mps; `dtype` auto, bf16, fp16 or fp32. Raises CheckpointError for a model that is
    not there or not whole, EngineError for a device that cannot be used.
    """
    if on_step is not None:
        on_step(Progress("load", 0, 1))
    entry = registry.resolve(str(path_or_name))
    where = choose_device(device)
    networks = load_networks(entry.folder, where, choose_dtype(where, dtype))
    if on_step is not None:
        on_step(Progress("load", 1, 1))
    return Model(entry.name, networks)


class Model:
    """Networks on a device, with what is kept between jobs: text states, contexts, latents, LoRAs.

    One job runs at a time; a second thread waits.
    """

    def __init__(self, name: str, networks: Networks) -> None:
        self.name = name
        self.networks = networks
        self.items_at_once = ITEMS_AT_ONCE
        self._conditioner = Conditioner(networks.transformer, networks.text_encoder)
        self._codec = Codec(networks.autoencoder, networks.device)
        self._loras = LoraSet(networks.transformer)
        self._lock = threading.Lock()

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
        if isinstance(request, PromptToAudio):
            raise InvalidRequest(
                "task",
                "prompt-to-audio",
                "tags and lyrics written from the prompt first",
                "Turn it into a text-to-audio request with engine.tasks.prompt_to_audio.",
            )
        resolved = resolve(request, self.default_request)
        with self._lock, torch.inference_mode():
            self._use_loras(resolved.request)
            reader = Reader(resolved, self.networks.config, self.networks.lyric_vocab)
            parts = Parts(self.name, self.networks, self._conditioner, self._codec, self.items_at_once)
            job = Job(parts, resolved, reader, on_step, cancel)
            with job.timed("total"):
                results = render_job(job)
        return results

    def _use_loras(self, request: Any) -> None:
        paths = [] if request.lora is UNSET else request.lora
        weights = [1.0] * len(paths) if request.lora_weight is UNSET else request.lora_weight
        wanted = tuple(Lora(Path(p), w) for p, w in zip(paths, weights, strict=True))
        before = self._loras.active
        self._loras.apply(wanted)
        if self._loras.active != before:
            self._conditioner.clear_contexts()
