"""The network seen from the sampler: one state under several contexts, in one batch. Knows no schedule and no task."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import torch
from torch import Tensor

from engine.networks.ace_step_15.transformer import PreparedContext, Transformer
from engine.networks.transformer import TimeSteps

Evaluate = Callable[[Tensor, TimeSteps, PreparedContext], Tensor]
KnownOf = Callable[[int], Tensor]


class ContextPredictor:
    """Predicts velocities for named contexts. Keys and values are made once; each set of rows is laid out once."""

    def __init__(
        self,
        transformer: Transformer,
        contexts: Mapping[Hashable, Tensor],
        known: KnownOf,
        evaluate: Evaluate | None = None,
    ) -> None:
        """contexts (1, S, D) by name; `known` gives what all see of the source, (1 or B, 2 C, 1, T) for T frames."""
        self._transformer = transformer
        self._evaluate = evaluate or transformer.evaluate
        self._names = list(contexts)
        self._known = known
        self._prepared = transformer.prepare(list(contexts.values()))
        self._times: dict[float, TimeSteps] = {}
        self._rows: dict[tuple[tuple[Hashable, ...], int, int], PreparedContext] = {}

    def prepare(self, timesteps: Sequence[float]) -> None:
        """Make what the network needs of these timesteps, all at once."""
        new = [t for t in dict.fromkeys(timesteps) if t not in self._times]
        if new:
            steps = self._transformer.time_steps(torch.tensor(new, dtype=torch.float32, device=self._prepared.device))
            self._times |= {timestep: steps[index] for index, timestep in enumerate(new)}

    def predict(self, states: Mapping[Hashable, Tensor], timestep: float) -> dict[Hashable, Tensor]:
        """Velocities of `states` (name of the context -> (B, C, 1, T) float32) at a timestep, float32."""
        self.prepare([timestep])
        names = tuple(states)
        batch = torch.cat(list(states.values()))
        context = self._layout(names, batch.shape[0] // len(names), batch.shape[-1])
        velocity = self._evaluate(batch, self._times[timestep], context)
        return dict(zip(names, velocity.float().chunk(len(names)), strict=True))

    def _layout(self, names: tuple[Hashable, ...], items: int, frames: int) -> PreparedContext:
        key = (names, items, frames)
        if key not in self._rows:
            numbers = [self._names.index(name) for name in names]
            self._rows[key] = self._prepared.rows(numbers, items, self._known(frames))
        return self._rows[key]
