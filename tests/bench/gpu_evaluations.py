"""One evaluation of a family's transformer on a GPU by each way to make it: plain, padded, as a graph, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from engine.checkpoints.ace_step_15.parts import Networks as Networks15
from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.networks import padded as padded_v1
from engine.networks.ace_step_15 import padded_lengths as padded_15
from engine.networks.bucketed import BucketedEvaluate
from engine.networks.transformer import Context

TOKENS = 48
FRAMES_A_SECOND = 25
Evaluate = Callable[..., Tensor]
Way = Callable[[], Evaluate]


class Asked(Protocol):
    """A family's transformer, and inputs of a length for it."""

    family: str
    key: str
    networks: Any
    transformer: Any
    padded: Any

    @property
    def blocks(self) -> nn.Module:
        """Most of its weights."""
        ...

    def ways(self, device: torch.device) -> dict[str, Way]:
        """The ways that compile nothing."""
        ...

    def compiled(self, device: torch.device) -> dict[str, Way]:
        """The one that compiles the blocks, which stay so."""
        ...

    def evaluation(self, evaluate: Evaluate, seconds: float, rows: int) -> Callable[[], Tensor]:
        """An evaluation of so many seconds in so many rows."""
        ...


class _Ways:
    """What both families have."""

    transformer: Any
    padded: Any

    def ways(self, device: torch.device) -> dict[str, Way]:
        made: dict[str, Way] = {
            "plain": lambda: self.transformer.evaluate,
            "padded": lambda: BucketedEvaluate(self.padded, graphs=False),
        }
        if device.type == "cuda":
            made["graph"] = lambda: BucketedEvaluate(self.padded, graphs=True)
        return made

    def compiled(self, device: torch.device) -> dict[str, Way]:
        return {"compiled": lambda: BucketedEvaluate(self.padded, graphs=device.type == "cuda", backend="inductor")}


class AskedV1(_Ways):
    """v1's."""

    family = key = "v1"

    def __init__(self, networks: Networks) -> None:
        self.networks, self.transformer = networks, networks.transformer
        self.padded = padded_v1.PaddedTransformer(networks.transformer)

    @property
    def blocks(self) -> nn.Module:
        return self.transformer.transformer_blocks

    @torch.inference_mode()
    def evaluation(self, evaluate: Evaluate, seconds: float, rows: int) -> Callable[[], Tensor]:
        transformer, device = self.transformer, self.networks.device
        weight, generator = transformer.speaker_embedder.weight, torch.Generator().manual_seed(0)
        states = torch.randn(rows, TOKENS, transformer.config.inner_dim, generator=generator).to(weight)
        context = transformer.prepare(Context(states, torch.ones(rows, TOKENS, device=device)))
        latents = torch.randn(rows, 8, 16, V1_GEOMETRY.frames_of(seconds), generator=generator).to(device)
        time = transformer.time_steps(torch.tensor([500.0], device=device))
        return torch.inference_mode()(lambda: evaluate(latents, time, context).clone())


class AskedAceStep15(_Ways):
    """ACE-Step 1.5's; a second row is that of the unconditional pass, whose context has one position."""

    family, key = "1.5", "turbo"

    def __init__(self, networks: Networks15) -> None:
        self.networks, self.transformer = networks, networks.transformer
        self.padded = padded_15.PaddedTransformer(networks.transformer)

    @property
    def blocks(self) -> nn.Module:
        return self.transformer.layers

    @torch.inference_mode()
    def evaluation(self, evaluate: Evaluate, seconds: float, rows: int) -> Callable[[], Tensor]:
        transformer, device, generator = self.transformer, self.networks.device, torch.Generator().manual_seed(0)
        config, frames = transformer.config, round(seconds * FRAMES_A_SECOND)
        weight = transformer.condition_embedder.weight
        states = [torch.randn(1, length, config.context_size, generator=generator) for length in (TOKENS, 1)[:rows]]
        known = torch.randn(1, 2 * config.latent_channels, 1, frames, generator=generator).to(device)
        context = transformer.prepare([state.to(weight) for state in states]).rows(range(rows), 1, known)
        latents = torch.randn(rows, config.latent_channels, 1, frames, generator=generator).to(device)
        time = transformer.time_steps(torch.tensor([500.0], device=device))
        return torch.inference_mode()(lambda: evaluate(latents, time, context).clone())
