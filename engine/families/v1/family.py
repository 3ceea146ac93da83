"""v1 and nano as `engine.families.family.Family`: their networks put together. Knows no task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.checkpoints import load
from engine.checkpoints.int8 import round_weights
from engine.checkpoints.lora import LoraSet
from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.families.family import LoadedNetworks, Timbre, Use
from engine.families.speed import LIKELY_SECONDS, Speed
from engine.families.v1.conditioner import Conditioner, limited_to
from engine.families.v1.facts import facts
from engine.families.v1.reader import Reader
from engine.families.v1.sizes import V1Sizes, sizes_of
from engine.memory.plan import MemoryMode
from engine.networks.bucketed import SHORTEST_CONTEXT, bucket_of
from engine.networks.config import TransformerConfig
from engine.networks.padded import PaddedTransformer, Shape
from engine.requests.resolve import Resolved
from engine.sampling.conditions import ErgSettings
from engine.sampling.guidance import GuidanceSettings

LIKELY_ROWS = (1, 2, 3)


def load_networks(
    checkpoint: Path, device: torch.device, dtype: torch.dtype, int8: bool = False, stored: torch.device | None = None
) -> Networks:
    """A checkpoint's networks for `device`, their weights on `stored` at first. Raises CheckpointError."""
    networks = load.load_networks(checkpoint, stored or device, dtype, int8)
    return replace(networks, device=device)


def make_family(networks: LoadedNetworks, use: Use, speed: str = "auto") -> V1:
    """Networks of v1 as rendering wants them."""
    assert isinstance(networks, Networks)
    return V1(networks, use, speed)


def _padded(networks: Networks) -> PaddedTransformer | None:
    """None for a small model: it has inputs that no graph is made for."""
    small = networks.config.pooled_text or networks.config.region_input
    return None if small else PaddedTransformer(networks.transformer)


def draw_noise(generator: torch.Generator, frames: int) -> Tensor:
    """Noise as the reference draws it on a CPU: (1, 8, 16, frames) float32."""
    return torch.randn((1, *V1_GEOMETRY.latent_shape, frames), generator=generator)


def _as_config(config: TransformerConfig) -> Mapping[str, Any]:
    """What the facts read of a config.json, of one that was read."""
    erg = {name: getattr(config.erg, name) for name in ("text", "lyric", "transformer")}
    return {"lyric_input": config.lyric_input, "default_request": config.default_request, "erg": erg}


class V1:
    """ACE-Step v1, or nano. Text states and contexts are kept by content, across jobs."""

    def __init__(self, networks: Networks, use: Use, speed: str = "auto") -> None:
        """`use` is told the network that comes next, by name, so that it can be brought to the device."""
        self._networks = networks
        self._use = use
        self._speed = Speed(networks.transformer.evaluate, _padded(networks), networks.device, speed)
        self.facts = facts(_as_config(networks.config))
        self.autoencoder = networks.autoencoder
        self.loras = LoraSet(networks.transformer)
        self._conditioner = Conditioner(networks.transformer, networks.text_encoder, use)

    def velocity(self, resolved: Resolved) -> Conditioner:
        """The same for every request."""
        return self._conditioner

    def clip_parts(self, samples: int, sample_rate: int) -> list[tuple[int, int]]:
        """None: the facts refuse a clip."""
        return []

    def reader(self, resolved: Resolved, timbre: Timbre | None = None) -> Reader:
        """Tags, and lyric ids or the grid that nano reads."""
        networks = self._networks
        return Reader(resolved, networks.config, networks.lyric_vocab, networks.text_encoder.count)

    def draw_noise(self, generator: torch.Generator, frames: int) -> Tensor:
        """(1, 8, 16, frames) float32 on the CPU."""
        return draw_noise(generator, frames)

    def limited_erg(self, erg: ErgSettings) -> ErgSettings:
        """Only the parts for which the networks have layers."""
        return limited_to(erg, self._networks.config.erg)

    def limited_guidance(self, guidance: GuidanceSettings) -> GuidanceSettings:
        """As it is."""
        return guidance

    def sizes(self) -> V1Sizes:
        """Bytes of the weights as they are now."""
        return sizes_of(self._networks)

    def enter(self, mode: MemoryMode, between: Callable[[], None]) -> None:
        """Graphs hold addresses of weights: none where these move or are rounded."""
        self._conditioner.evaluate = self._speed.evaluate(mode.offloads or mode.int8, between)

    def warm_up(self, guard: Callable[[], AbstractContextManager[bool]]) -> None:
        """Prepare graphs of likely lengths."""
        self._speed.warm_up(guard, self._likely_shapes())

    def _likely_shapes(self) -> Iterator[Shape]:
        scaled = bool(self._networks.config.erg.transformer)
        for seconds in LIKELY_SECONDS:
            frames = bucket_of(V1_GEOMETRY.frames_of(seconds))
            yield from (Shape(rows, frames, SHORTEST_CONTEXT, scaled) for rows in LIKELY_ROWS)

    def free_prepared(self) -> None:
        """Free what graphs hold."""
        self._speed.reset()

    def forget_contexts(self) -> None:
        """Text states stay."""
        self._conditioner.clear_contexts()

    def round_weights(self) -> None:
        """Transformer and text encoder; what was made with the others is forgotten."""
        round_weights(self._networks.transformer)
        round_weights(self._networks.text_encoder)
        self._conditioner = Conditioner(self._networks.transformer, self._networks.text_encoder, self._use)
