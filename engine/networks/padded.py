"""v1's transformer over padded lengths (`engine.networks.bucketed.Padded`): what is not real is marked and masked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.networks.attention import KeysValues
from engine.networks.bucketed import PaddedFrames, bucket_of, context_bucket_of
from engine.networks.transformer import PreparedContext, TimeSteps, Transformer


@dataclass(frozen=True)
class Shape:
    """What one graph serves: rows of a batch, padded frames, padded context, whether queries are scaled by row."""

    rows: int
    frames: int
    context: int
    scaled: bool


class PaddedTransformer:
    """`Transformer.evaluate` with inputs that stay where they are."""

    def __init__(self, transformer: Transformer) -> None:
        self._transformer = transformer

    @property
    def blocks(self) -> Iterable[nn.Module]:
        """The transformer's."""
        return self._transformer.transformer_blocks

    def shape_of(
        self, latents: Tensor, time: TimeSteps, context: PreparedContext, query_scale: Tensor | None = None
    ) -> Shape:
        """Of latents (B, 8, 16, T) and a context of S positions."""
        length = context.blocks[0].keys.shape[2]
        frames = bucket_of(latents.shape[-1])
        return Shape(latents.shape[0], frames, context_bucket_of(length), query_scale is not None)

    def inputs(self, shape: Shape) -> Inputs:
        """Inputs of this shape."""
        return Inputs(self._transformer, shape)


class Inputs:
    """`engine.networks.bucketed.Inputs` of v1."""

    def __init__(self, transformer: Transformer, shape: Shape) -> None:
        config, weight = transformer.config, transformer.speaker_embedder.weight
        heads = (shape.rows, config.num_attention_heads, shape.context, config.attention_head_dim)
        self._latents = PaddedFrames(weight.new_zeros((shape.rows, 8, 16, shape.frames), dtype=torch.float32))
        self._real = weight.new_zeros((1, shape.frames, 1), dtype=torch.float32)
        self._time = TimeSteps(weight.new_zeros((1, config.inner_dim)), weight.new_zeros((1, 6, config.inner_dim)))
        self._blocks = tuple(
            KeysValues(weight.new_zeros(heads), weight.new_zeros(heads)) for _ in range(config.num_layers)
        )
        self._mask = torch.zeros((shape.rows, 1, 1, shape.context), dtype=torch.bool, device=weight.device)
        self._scale = weight.new_ones((shape.rows,), dtype=torch.float32) if shape.scaled else None
        self._context: PreparedContext | None = None
        # a graph reads them, so they must outlive their cache
        self._angles = transformer.angles(shape.frames, weight)
        self._transformer = transformer
        self._mask[..., :1], self._real[:, :1] = True, 1.0  # nothing is empty while it is captured

    def load(
        self, latents: Tensor, time: TimeSteps, context: PreparedContext, query_scale: Tensor | None = None
    ) -> None:
        """Write the inputs of the next evaluation."""
        if self._latents.write(latents):
            frames = latents.shape[-1]
            self._real[:, :frames], self._real[:, frames:] = 1.0, 0.0
        self._time.embedding.copy_(time.embedding)
        self._time.modulation.copy_(time.modulation)
        if self._scale is not None and query_scale is not None:
            self._scale.copy_(query_scale)
        if self._context is not context:
            self._load_context(context)
            self._context = context

    def _load_context(self, context: PreparedContext) -> None:
        length = context.blocks[0].keys.shape[2]
        for own, given in zip(self._blocks, context.blocks, strict=True):
            own.keys[:, :, :length] = given.keys
            own.values[:, :, :length] = given.values
        self._mask[..., length:] = False
        self._mask[..., :length] = True if context.mask is None else context.mask

    def evaluate(self) -> Tensor:
        """(B, 8, 16, T) of what was loaded."""
        context = PreparedContext(self._blocks, self._mask)
        return self._transformer.evaluate(self._latents.frames, self._time, context, self._scale, real=self._real)
