"""One evaluation of the transformer over a few padded lengths, so that compiled code and CUDA graphs serve many songs.

    frames asked for   1 ... 16 | 17 ... 32 | ... | 209 ... 224 | ... | 641 ... 704 | ...      eight an octave
    evaluated as             16 |        32 | ... |         224 | ... |         704 | ...
    context            1 ... 64 | 65 ... 128 | 129 ... 256 | ...                              masked, one an octave

Padding changes nothing but rounding (`Transformer.evaluate`, `real`). On CUDA each shape is captured as a graph when
it is first met, so that an evaluation costs one launch. Knows no schedule, no guidance and no task.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from engine.networks.attention import KeysValues
from engine.networks.transformer import PreparedContext, TimeSteps

if TYPE_CHECKING:
    from engine.networks.transformer import Transformer

SHORTEST_BUCKET = 16
SHORTEST_CONTEXT = 64
BUCKETS_AN_OCTAVE = 8
KEPT_SHAPES = 12
WARM_UP_RUNS = 2


class Evaluate(Protocol):
    """One velocity for every row; `Transformer.evaluate` and `BucketedEvaluate` are two ways to the same numbers."""

    def __call__(
        self, latents: Tensor, time: TimeSteps, context: PreparedContext, query_scale: Tensor | None = None
    ) -> Tensor:
        """latents (B, 8, 16, T) -> (B, 8, 16, T)."""
        ...


@dataclass(frozen=True)
class Shape:
    """What one graph serves: rows of a batch, padded frames, padded context, whether queries are scaled by row."""

    rows: int
    frames: int
    context: int
    scaled: bool


def bucket_of(frames: int) -> int:
    """The length that `frames` are padded to."""
    step = max(SHORTEST_BUCKET, (1 << (frames - 1).bit_length()) // (2 * BUCKETS_AN_OCTAVE))
    return -(-frames // step) * step


def context_bucket_of(length: int) -> int:
    """The length that a context is padded to."""
    return max(SHORTEST_CONTEXT, 1 << (length - 1).bit_length())


class BucketedEvaluate:
    """`Transformer.evaluate` by padded lengths. Graphs hold addresses of weights: `reset` when these have moved."""

    def __init__(self, transformer: Transformer, graphs: bool, backend: str | None = None) -> None:
        """`graphs` need CUDA; `backend` compiles the blocks with torch.compile, once for all lengths."""
        self._transformer = transformer
        self._pool: Any = torch.cuda.graph_pool_handle() if graphs else None
        self._prepared: OrderedDict[Shape, _Prepared] = OrderedDict()
        if backend is not None:
            for block in transformer.transformer_blocks:
                block.compile(backend=backend, dynamic=True)

    def __call__(
        self, latents: Tensor, time: TimeSteps, context: PreparedContext, query_scale: Tensor | None = None
    ) -> Tensor:
        """latents (B, 8, 16, T) -> (B, 8, 16, T)."""
        frames, length = latents.shape[-1], context.blocks[0].keys.shape[2]
        shape = Shape(latents.shape[0], bucket_of(frames), context_bucket_of(length), query_scale is not None)
        prepared = self.prepare(shape)
        prepared.load(latents, time, context, query_scale)
        return prepared.run()[..., :frames]

    def prepare(self, shape: Shape) -> _Prepared:
        """Make ready for a shape, as is done when it is first met."""
        if shape not in self._prepared:
            while len(self._prepared) >= KEPT_SHAPES:
                self._prepared.popitem(last=False)
            self._prepared[shape] = _Prepared(self._transformer, shape, self._pool)
        self._prepared.move_to_end(shape)
        return self._prepared[shape]

    def reset(self) -> None:
        """Forget the graphs and their memory."""
        self._prepared.clear()


class _Prepared:
    """Inputs at addresses of their own, and the evaluation that reads them."""

    def __init__(self, transformer: Transformer, shape: Shape, pool: Any) -> None:
        """`pool` is the memory that graphs share, None where the evaluation runs as it is."""
        config, weight = transformer.config, transformer.speaker_embedder.weight
        heads = (shape.rows, config.num_attention_heads, shape.context, config.attention_head_dim)
        self._latents = weight.new_zeros((shape.rows, 8, 16, shape.frames), dtype=torch.float32)
        self._real = weight.new_zeros((1, shape.frames, 1), dtype=torch.float32)
        self._time = TimeSteps(weight.new_zeros((1, config.inner_dim)), weight.new_zeros((1, 6, config.inner_dim)))
        self._blocks = tuple(
            KeysValues(weight.new_zeros(heads), weight.new_zeros(heads)) for _ in range(config.num_layers)
        )
        self._mask = torch.zeros((shape.rows, 1, 1, shape.context), dtype=torch.bool, device=weight.device)
        self._scale = weight.new_ones((shape.rows,), dtype=torch.float32) if shape.scaled else None
        self._context: PreparedContext | None = None
        self._frames = 0
        self._angles = transformer.angles(
            shape.frames, weight
        )  # the graph reads them, so they must outlive their cache
        self._transformer = transformer
        self._mask[..., :1], self._real[:, :1] = True, 1.0  # nothing is empty while it is captured
        self.run: Callable[[], Tensor] = self._evaluate if pool is None else captured(self._evaluate, pool)

    def load(self, latents: Tensor, time: TimeSteps, context: PreparedContext, query_scale: Tensor | None) -> None:
        """Write the inputs of the next run."""
        self._latents[..., : latents.shape[-1]] = latents
        self._time.embedding.copy_(time.embedding)
        self._time.modulation.copy_(time.modulation)
        if self._scale is not None and query_scale is not None:
            self._scale.copy_(query_scale)
        if self._frames != latents.shape[-1]:
            self._frames = latents.shape[-1]
            self._latents[..., self._frames :] = 0.0
            self._real[:, : self._frames], self._real[:, self._frames :] = 1.0, 0.0
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

    def _evaluate(self) -> Tensor:
        context = PreparedContext(self._blocks, self._mask)
        return self._transformer.evaluate(self._latents, self._time, context, self._scale, real=self._real)


def captured(run: Callable[[], Tensor], pool: Any) -> Callable[[], Tensor]:
    """`run` as a CUDA graph: it may read only tensors that stay where they are.

    Graphs can share a pool, since one runs at a time and its output is copied before the next.
    """
    warm_up = torch.cuda.Stream()
    warm_up.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(warm_up):
        for _ in range(WARM_UP_RUNS):
            run()
    torch.cuda.current_stream().wait_stream(warm_up)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        output = run()

    def replay() -> Tensor:
        graph.replay()
        return output.clone()

    return replay
