"""What the sampler asks of a model, whatever its family: velocities of a state under named conditions.

    task -> Condition(words, pass), by name -> VelocityModel.predictor -> Predictor -> velocity of each name

A family implements `VelocityModel` and `Predictor`; words are made by its reader, and nobody else looks inside them.
States are (B, C, H, T) float32, whatever C and H a family has. Knows no network and no task.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from engine.sampling.guidance import Pass


class Words(Protocol):
    """What a model reads of a request; can be a key of a dictionary."""

    @property
    def sung(self) -> bool:
        """Whether there are lyrics, so that a pass without them differs."""
        ...

    def __hash__(self) -> int:
        """Equal words have equal hashes."""
        ...


@dataclass(frozen=True)
class Condition:
    """What a prediction is made under: the words, how much of them the pass leaves, and what a family reads more.

    `hides_lyrics`: the unconditional pass sees no lyrics at all (flow-edit), instead of empty or weakened ones.
    `without_source`: as if there were no source, for models that read of one.
    """

    words: Words
    which: Pass = Pass.CONDITIONAL
    hides_lyrics: bool = False
    without_source: bool = False


@dataclass(frozen=True)
class ErgSettings:
    """Which parts of entropy-rectifying guidance (arXiv 2506.00045) are on; families without it take no notice."""

    tag: bool = True
    lyric: bool = True
    diffusion: bool = True


NO_ERG = ErgSettings(False, False, False)


@dataclass(frozen=True)
class Known:
    """What is there already: its latents (1 or B, C, H, T), and which frames are regenerated, bool (1, 1, 1, T).

    `made` is None where all of them are.
    """

    source: Tensor
    made: Tensor | None = None


class Predictor(Protocol):
    """Velocities under conditions that were prepared."""

    def prepare(self, timesteps: Sequence[float]) -> None:
        """Make what the network needs of these timesteps, all at once."""
        ...

    def predict(self, states: Mapping[Hashable, Tensor], timestep: float) -> dict[Hashable, Tensor]:
        """Velocities of `states` (name of the condition -> (B, C, H, T)) at a timestep, float32."""
        ...


class NoiseLevels(Protocol):
    """The noise levels that a family's weights were trained for."""

    def sigmas(self, number_of_steps: int, highest: float = 1.0, oss_steps: Sequence[int] = ()) -> np.ndarray:
        """The levels of a run, descending, without the final 0: float32 (N,).

        `highest` in (0, 1] is the level, before any shift, that a run starts from; `oss_steps` picks steps.
        """
        ...

    def start(self, highest: float) -> float:
        """The level at which a run from `highest` mixes what it starts from with noise."""
        ...


class VelocityModel(Protocol):
    """A model as the sampler sees it."""

    @property
    def levels(self) -> NoiseLevels:
        """Its noise levels."""
        ...

    @property
    def remixes_by_cover(self) -> bool:
        """Whether a remix is made from what the model keeps of the source, not by the difference of prompts."""
        ...

    def predictor(
        self, conditions: Mapping[Hashable, Condition], erg: ErgSettings = NO_ERG, known: Known | None = None
    ) -> Predictor:
        """A predictor for these conditions. `known` goes to models that look at the source, in every pass."""
        ...
