"""v1's transformer seen from the sampler: one state under several contexts, in one batch.

Knows rows, items and prepared contexts; knows no schedule and no task.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.networks.attention import KeysValues
from engine.networks.transformer import Context, PreparedContext, TimeSteps

if TYPE_CHECKING:
    from engine.networks.transformer import Transformer

WEAKENING = 0.01  # of the queries of a few layers: entropy-rectifying guidance (arXiv 2506.00045)


class Evaluate(Protocol):
    """One velocity for every row: `Transformer.evaluate`, or another way to the same numbers."""

    def __call__(
        self, latents: Tensor, time: TimeSteps, context: PreparedContext, query_scale: Tensor | None = None
    ) -> Tensor:
        """latents (B, 8, 16, T) -> (B, 8, 16, T)."""
        ...


class ContextPredictor:
    """Predicts velocities for named contexts. Keys and values are made once; each set of rows is laid out once."""

    def __init__(
        self,
        transformer: Transformer,
        contexts: Mapping[Any, Context],
        weakened: Sequence[Hashable] = (),
        evaluate: Evaluate | None = None,
        known: Tensor | None = None,
    ) -> None:
        """`evaluate` is `transformer.evaluate` or another way to the same numbers.

        `known` (1 or B, 9, 16, T) is what a model with `region_input` sees of the source, in every pass.
        """
        self._known = known
        self._transformer = transformer
        self._evaluate = evaluate or transformer.evaluate
        self._names = list(contexts)
        self._weakened = frozenset(weakened)
        self._prepared = transformer.prepare(stack_contexts(list(contexts.values())))
        self._times: dict[float, TimeSteps] = {}
        self._rows: dict[tuple[tuple[Hashable, ...], int, int], tuple[PreparedContext, Tensor | None]] = {}

    def prepare(self, timesteps: Sequence[float]) -> None:
        """Make what the network needs of these timesteps, all at once."""
        new = [t for t in dict.fromkeys(timesteps) if t not in self._times]
        if new:
            device = self._prepared.blocks[0].keys.device
            steps = self._transformer.time_steps(torch.tensor(new, dtype=torch.float32, device=device))
            self._times |= {timestep: steps[index] for index, timestep in enumerate(new)}

    def predict(self, states: Mapping[Hashable, Tensor], timestep: float) -> dict[Hashable, Tensor]:
        """Velocities of `states` (name of the context -> (B, 8, 16, T) float32) at a timestep, float32."""
        self.prepare([timestep])
        names = tuple(states)
        batch = torch.cat(list(states.values()))
        items = batch.shape[0] // len(names)
        first = next(iter(states.values()))
        copies = len(names) if all(state is first for state in states.values()) else 1
        context, query_scale = self._layout(names, items, copies)
        velocity = self._evaluate(batch, self._times[timestep], context, query_scale)
        return dict(zip(names, velocity.float().chunk(len(names)), strict=True))

    def _layout(self, names: tuple[Hashable, ...], items: int, copies: int) -> tuple[PreparedContext, Tensor | None]:
        key = (names, items, copies)
        if key not in self._rows:
            device = self._prepared.blocks[0].keys.device
            index = torch.tensor([self._names.index(n) for n in names], device=device).repeat_interleave(items)
            blocks = tuple(KeysValues(b.keys[index], b.values[index]) for b in self._prepared.blocks)
            mask = None if self._prepared.mask is None else self._prepared.mask[index]
            scales = [WEAKENING if name in self._weakened else 1.0 for name in names]
            scale = torch.tensor(scales, device=device).repeat_interleave(items) if self._weakened else None
            pooled = None if self._prepared.pooled is None else self._prepared.pooled[index]
            known = None if self._known is None else self._known.expand(items, -1, -1, -1).repeat(len(names), 1, 1, 1)
            self._rows[key] = (PreparedContext(blocks, mask, pooled, known, copies), scale)
        return self._rows[key]


def stack_contexts(contexts: Sequence[Context]) -> Context:
    """Contexts of one row each as rows of one, padded on the right with masked positions."""
    length = max(c.hidden.shape[1] for c in contexts)
    hidden = [F.pad(c.hidden, (0, 0, 0, length - c.hidden.shape[1])) for c in contexts]
    mask = [F.pad(c.mask, (0, length - c.mask.shape[1])) for c in contexts]
    pooled = [c.pooled for c in contexts if c.pooled is not None]
    return Context(torch.cat(hidden), torch.cat(mask), torch.cat(pooled) if pooled else None)
