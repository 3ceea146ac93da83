"""ACE-Step 1.5's transformer over padded lengths (`engine.networks.bucketed.Padded`): no position sees padding.

frames      zeros after the real ones, as an odd length has them, too
positions   full layers mask the keys that are not real, sliding ones in their bands
contexts    each padded and masked by itself; one of a single position stays a vector
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.networks.ace_step_15.attention import band_of_real, rotation_of
from engine.networks.ace_step_15.blocks import Places
from engine.networks.ace_step_15.transformer import ROWS, Crossed, PreparedContext, Transformer
from engine.networks.attention import KeysValues
from engine.networks.bucketed import PaddedFrames, bucket_of, context_bucket_of
from engine.networks.transformer import TimeSteps


@dataclass(frozen=True)
class Shape:
    """What one graph serves: padded frames, and for each context how many rows see it and its padded length; a context
    of one position has the length 1."""

    frames: int
    segments: tuple[tuple[int, int], ...]


class PaddedTransformer:
    """`Transformer.evaluate` with inputs that stay where they are."""

    def __init__(self, transformer: Transformer) -> None:
        self._transformer = transformer

    @property
    def blocks(self) -> Iterable[nn.Module]:
        """The transformer's."""
        return self._transformer.layers

    def shape_of(self, latents: Tensor, time: TimeSteps, context: PreparedContext) -> Shape:
        """Of latents (B, C, 1, T)."""
        segments = tuple((rows, _padded_length(context.contexts[number][0])) for number, rows in context.segments)
        return Shape(self.frames_for(latents.shape[-1]), segments)

    def frames_for(self, frames: int) -> int:
        """What so many frames are padded to: whole patches."""
        patch = self._transformer.config.patch_size
        return -(-bucket_of(frames) // patch) * patch

    def inputs(self, shape: Shape) -> Inputs:
        """Inputs of this shape."""
        return Inputs(self._transformer, shape)


class Inputs:
    """`engine.networks.bucketed.Inputs` of ACE-Step 1.5."""

    def __init__(self, transformer: Transformer, shape: Shape) -> None:
        config, weight = transformer.config, transformer.proj_in.weight
        rows, size = sum(rows for rows, _ in shape.segments), config.blocks.hidden_size
        frames = weight.new_zeros((rows, config.in_channels, 1, shape.frames), dtype=torch.float32)
        known = config.in_channels - config.latent_channels
        self._known, self._latents = (PaddedFrames(part) for part in frames.split([known, config.latent_channels], 1))
        self._time = TimeSteps(weight.new_zeros((1, size)), weight.new_zeros((1, ROWS, size)))
        self._contexts = [_PaddedContext(transformer, length) for _, length in shape.segments]
        self._rows = [rows for rows, _ in shape.segments]
        self._positions = shape.frames // config.patch_size
        self._bands = {window: self._band(window, 1, weight.device) for window in set(config.blocks.windows)}
        self._places = Places(
            rotation_of(self._positions, config.blocks.head_dim, config.blocks.rope_theta, weight.device),
            tuple(self._bands[window] for window in config.blocks.windows),
        )
        self._transformer = transformer
        self._loaded: PreparedContext | None = None

    def _band(self, window: int | None, real: int, device: torch.device) -> Tensor:
        return band_of_real(self._positions, real, window, device)

    def load(self, latents: Tensor, time: TimeSteps, context: PreparedContext) -> None:
        """Write the inputs of the next evaluation."""
        if self._latents.write(latents):
            real = -(-latents.shape[-1] // self._transformer.config.patch_size)
            for window, band in self._bands.items():
                band.copy_(self._band(window, real, band.device))
        self._time.embedding.copy_(time.embedding)
        self._time.modulation.copy_(time.modulation)
        if self._loaded is not context:
            assert context.known is not None
            self._known.write(context.known)
            for own, (number, _) in zip(self._contexts, context.segments, strict=True):
                own.load(context.contexts[number])
            self._loaded = context

    def evaluate(self) -> Tensor:
        """(B, C, 1, T) of what was loaded."""
        context = PreparedContext(
            tuple(own.blocks for own in self._contexts),
            tuple(enumerate(self._rows)),
            self._known.frames,
            tuple(own.mask for own in self._contexts),
        )
        return self._transformer.evaluate(self._latents.frames, self._time, context, places=self._places)


class _PaddedContext:
    """One context's keys and values for every block, masked where it is padded, or a vector for every block."""

    def __init__(self, transformer: Transformer, length: int) -> None:
        blocks, weight = transformer.config.blocks, transformer.proj_in.weight
        heads = (1, blocks.num_key_value_heads, length, blocks.head_dim)
        self.mask = torch.zeros((1, 1, 1, length), dtype=torch.bool, device=weight.device) if length > 1 else None
        self.blocks: tuple[Crossed, ...] = tuple(
            weight.new_zeros((1, 1, blocks.hidden_size))
            if length == 1
            else KeysValues(weight.new_zeros(heads), weight.new_zeros(heads))
            for _ in blocks.windows
        )
        if self.mask is not None:
            self.mask[..., :1] = True

    def load(self, context: tuple[Crossed, ...]) -> None:
        """Take over what each block needs of a context."""
        for own, given in zip(self.blocks, context, strict=True):
            if isinstance(own, Tensor):
                assert isinstance(given, Tensor)
                own.copy_(given)
            else:
                assert isinstance(given, KeysValues) and self.mask is not None
                length = given.keys.shape[2]
                own.keys[:, :, :length], own.values[:, :, :length] = given.keys, given.values
                self.mask[..., :length], self.mask[..., length:] = True, False


def _padded_length(crossed: Crossed) -> int:
    return 1 if isinstance(crossed, Tensor) else context_bucket_of(crossed.keys.shape[2])
