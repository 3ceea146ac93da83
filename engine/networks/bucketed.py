"""One evaluation of a transformer over a few padded lengths, so that compiled code and CUDA graphs serve many songs.

    frames asked for   1 ... 16 | 17 ... 32 | ... | 209 ... 224 | ... | 641 ... 704 | ...      eight an octave
    evaluated as             16 |        32 | ... |         224 | ... |         704 | ...
    context            1 ... 64 | 65 ... 128 | 129 ... 256 | ...                              masked, one an octave

Padding changes nothing but rounding: each family's `Padded` sees to that. On CUDA each shape is captured as a graph
when it is first met, so that an evaluation costs one launch. Knows no network, no schedule, no guidance and no task.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import torch
from torch import Tensor, nn

SHORTEST_BUCKET = 16
SHORTEST_CONTEXT = 64
BUCKETS_AN_OCTAVE = 8
KEPT_SHAPES = 12
WARM_UP_RUNS = 2

Given = ParamSpec("Given")  # what an evaluation is given beside the latents
Shape = TypeVar("Shape", bound=Hashable)  # all that one graph serves

logger = logging.getLogger(__name__)


class Inputs(Protocol[Given]):
    """The inputs of one shape, at addresses of their own, and the evaluation that reads them."""

    def load(self, latents: Tensor, *given: Given.args, **named: Given.kwargs) -> None:
        """Write the inputs of the next evaluation."""
        ...

    def evaluate(self) -> Tensor:
        """The velocity of what was loaded, padded; only of tensors that stay where they are."""
        ...


class Padded(Protocol[Shape, Given]):
    """A transformer that can be asked over padded lengths."""

    @property
    def blocks(self) -> Iterable[nn.Module]:
        """What torch.compile compiles."""
        ...

    def shape_of(self, latents: Tensor, *given: Given.args, **named: Given.kwargs) -> Shape:
        """The shape that serves these inputs: latents (B, C, H, T)."""
        ...

    def inputs(self, shape: Shape) -> Inputs[Given]:
        """Inputs of this shape, ready to be evaluated as they are."""
        ...


class PaddedFrames:
    """Frames at an address of their own, zeros after those that were written last."""

    def __init__(self, frames: Tensor) -> None:
        """frames (..., T), zeros."""
        self.frames = frames
        self.count = 0

    def write(self, values: Tensor) -> bool:
        """Take over values (..., T' <= T); whether there were more or fewer before."""
        count = values.shape[-1]
        self.frames[..., :count] = values
        if count == self.count:
            return False
        self.count = count
        self.frames[..., count:] = 0.0
        return True


def bucket_of(frames: int) -> int:
    """The length that `frames` are padded to."""
    step = max(SHORTEST_BUCKET, (1 << (frames - 1).bit_length()) // (2 * BUCKETS_AN_OCTAVE))
    return -(-frames // step) * step


def context_bucket_of(length: int) -> int:
    """The length that a context is padded to."""
    return max(SHORTEST_CONTEXT, 1 << (length - 1).bit_length())


class BucketedEvaluate(Generic[Shape, Given]):
    """A transformer's evaluation by padded lengths. Graphs hold addresses of weights: `reset` when these have moved."""

    def __init__(self, padded: Padded[Shape, Given], graphs: bool, backend: str | None = None) -> None:
        """`graphs` need CUDA; `backend` compiles the blocks with torch.compile, once for all lengths."""
        self._padded = padded
        self._pool: Any = torch.cuda.graph_pool_handle() if graphs else None
        self._prepared: OrderedDict[Shape, _Prepared[Given]] = OrderedDict()
        if backend is not None:
            for block in padded.blocks:
                block.compile(backend=backend, dynamic=True)

    def __call__(self, latents: Tensor, *given: Given.args, **named: Given.kwargs) -> Tensor:
        """latents (B, C, H, T) -> (B, C, H, T)."""
        prepared = self.prepare(self._padded.shape_of(latents, *given, **named))
        prepared.inputs.load(latents, *given, **named)
        return prepared.run()[..., : latents.shape[-1]]

    def prepare(self, shape: Shape) -> _Prepared[Given]:
        """Make ready for a shape, as is done when it is first met."""
        if shape not in self._prepared:
            while len(self._prepared) >= KEPT_SHAPES:
                self._prepared.popitem(last=False)
            self._prepared[shape] = self._new(shape)
        self._prepared.move_to_end(shape)
        return self._prepared[shape]

    def _new(self, shape: Shape) -> _Prepared[Given]:
        """With a graph where these can be made: what cannot be captured is evaluated without, from then on."""
        inputs = self._padded.inputs(shape)
        if self._pool is not None:
            try:
                return _Prepared(inputs, captured(inputs.evaluate, self._pool))
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                logger.warning("CUDA graphs cannot be made here; evaluations run without them", exc_info=True)
                self._pool = None
        return _Prepared(inputs, inputs.evaluate)

    def reset(self) -> None:
        """Forget the graphs and their memory."""
        self._prepared.clear()


class _Prepared(Generic[Given]):
    """Inputs of one shape, and what evaluates them."""

    def __init__(self, inputs: Inputs[Given], run: Callable[[], Tensor]) -> None:
        self.inputs, self.run = inputs, run


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
