"""What a loaded model gives to rendering and to the sampler: the one protocol that every family implements.

    request ---- reader.words ------------------------+
    samples ---- autoencoder.encode -- latents        v
    seeds ------ draw_noise ------- noise ---> velocity (conditions, noise levels) ---> latents
    latents ---- autoencoder.decode -- samples

States are (B, *geometry.latent_shape, T) float32, audio is (B, 2, n) float32 at `geometry.sample_rate`. Knows no task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from engine.checkpoints.lora import LoraSet
from engine.families.facts import Facts
from engine.grid.heard import Heard
from engine.memory.plan import MemoryMode, Sizes
from engine.requests.resolve import Resolved
from engine.sampling.conditions import ErgSettings, VelocityModel, Words
from engine.sampling.guidance import GuidanceSettings

Use = Callable[[str], None]
OnTile = Callable[[int, int], None]


class LoadedNetworks(Protocol):
    """The networks of a checkpoint; `family` names their folder in `engine.families`."""

    @property
    def family(self) -> str: ...

    @property
    def source(self) -> Path: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Those that can leave the device, by the names that `Use` is told."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a window lies: its start in seconds of the source, and its length in latent frames.

    `made` says for each frame whether it is generated; None: all are. `seconds` is the length that was asked for, where
    one was.
    """

    start_seconds: float
    frames: int
    made: tuple[bool, ...] | None = None
    seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Timbre:
    """A clip whose timbre the music should have: latents (1, C, H, T), and a name that says what they are."""

    latents: Tensor
    name: str


class Reader(Protocol):
    """Reads a resolved request's words for windows. `warnings` collects what the user should hear."""

    warnings: list[str]

    def words(self, place: Place, heard: Heard | None = None) -> Words:
        """The words of what is made. `heard` finds tempo, phase, key and chords in the source around."""
        ...

    def original_words(self, place: Place, heard: Heard | None = None) -> Words:
        """The words of the source of audio-to-audio."""
        ...


class Autoencoder(Protocol):
    """Audio to latents and back."""

    @property
    def sample_rate(self) -> int: ...

    @property
    def samples_per_frame(self) -> int: ...

    def encode(self, audio: Tensor) -> Tensor:
        """audio float32 (B, 2, n) -> latents float32 (B, C, H, T); the last frame is filled up with zeros."""
        ...

    def decode(
        self,
        latents: Tensor,
        tile_frames: int | None = None,
        on_tile: OnTile | None = None,
        frames: tuple[int, int] | None = None,
    ) -> Tensor:
        """latents (B, C, H, T) -> audio float32 (B, 2, n), or of frames [first, last) only.

        `tile_frames` frames are decoded at a time (None: all at once), with the same result to rounding.
        `on_tile(done, total)` is called before each tile; what it raises stops the decode.
        """
        ...


class Family(Protocol):
    """A loaded model."""

    @property
    def facts(self) -> Facts:
        """Geometry and defaults."""
        ...

    @property
    def autoencoder(self) -> Autoencoder:
        """Its codec."""
        ...

    def velocity(self, resolved: Resolved) -> VelocityModel:
        """What the sampler asks for one request; a new one after `round_weights`."""
        ...

    @property
    def loras(self) -> LoraSet:
        """The LoRAs of its transformer; `forget_contexts` after they have changed."""
        ...

    def reader(self, resolved: Resolved, timbre: Timbre | None = None) -> Reader:
        """What reads the words of one request, and holds the clip that it names."""
        ...

    def clip_parts(self, samples: int, sample_rate: int) -> Sequence[tuple[int, int]]:
        """The spans [start, stop) of a reference clip that `Timbre` is made of."""
        ...

    def draw_noise(self, generator: torch.Generator, frames: int) -> Tensor:
        """Noise as the family's reference draws it from a seed: (1, C, H, frames) float32 on the CPU."""
        ...

    def limited_erg(self, erg: ErgSettings) -> ErgSettings:
        """The parts of entropy-rectifying guidance that the model has."""
        ...

    def limited_guidance(self, guidance: GuidanceSettings) -> GuidanceSettings:
        """The guidance that the model was trained for; its reader tells the user where that is less than asked."""
        ...

    def sizes(self) -> Sizes:
        """What it takes in memory, as its weights are now."""
        ...

    def enter(self, mode: MemoryMode, between: Callable[[], None]) -> None:
        """Evaluate as a mode wants it from now on. `between` is called between blocks; what it raises stops them."""
        ...

    def warm_up(self, guard: Callable[[], AbstractContextManager[bool]]) -> None:
        """Get ready for likely jobs in the background, one step at a time inside `guard()`, until that says False."""
        ...

    def free_prepared(self) -> None:
        """Free the memory of what was made ready for speed."""
        ...

    def forget_contexts(self) -> None:
        """The transformer's weights have changed: make contexts again."""
        ...

    def round_weights(self) -> None:
        """Hold the weights of linear layers in 8 bits from now on."""
        ...
