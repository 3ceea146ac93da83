"""How a model's latent frames lie on samples: rates, lengths and positions, exact in whole numbers. Knows no torch.

samples at any rate      |--------------|--------------|--------------|----
latent frames            |      0       |      1       |      2       |        frame_rate of them a second
samples at sample_rate   0       samples_per_frame     ...
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """One family's: `sample_rate` Hz of its audio, samples in one latent frame, the most that it makes at once.

    A state of the sampler is (B, *latent_shape, T). `pieces_covered`: a piece's last frame may go beyond its end, as
    the family's reference has it; else it ends before.
    """

    sample_rate: int
    samples_per_frame: int
    latent_shape: tuple[int, int]
    max_seconds: float
    pieces_covered: bool = False

    @property
    def frame_rate(self) -> float:
        """Latent frames a second."""
        return self.sample_rate / self.samples_per_frame

    @property
    def max_frames(self) -> int:
        """Frames of the longest piece."""
        return self.frames_of(self.max_seconds)

    def frames_of(self, seconds: float) -> int:
        """Whole latent frames in a length, rounded down; from left to right in float64, as the references do."""
        return int(seconds * self.sample_rate / self.samples_per_frame)

    def frames_of_piece(self, seconds: float) -> int:
        """Frames of a new piece of a length, at least one."""
        covering = math.ceil(seconds * self.frame_rate)
        return max(1, covering if self.pieces_covered else self.frames_of(seconds))

    def max_samples(self, sample_rate: int) -> int:
        """Samples of the longest piece at a rate."""
        return int(self.max_seconds * sample_rate)

    def frames_covering(self, samples: int, sample_rate: int) -> int:
        """Frames that cover so many samples at a rate: their length at the model's rate, padded to whole frames."""
        return -(-self.model_samples(samples, sample_rate) // self.samples_per_frame)

    def model_samples(self, samples: int, sample_rate: int) -> int:
        """Length at the model's rate of so many samples at another, rounded up, as the resampler gives it."""
        return -(-samples * self.sample_rate // sample_rate)

    def samples_within(self, frames: int, sample_rate: int) -> int:
        """The most samples at a rate that so many frames cover."""
        return frames * self.samples_per_frame * sample_rate // self.sample_rate

    def frame_floor(self, samples: int, sample_rate: int) -> int:
        """The frame that holds a position."""
        return samples * self.sample_rate // (sample_rate * self.samples_per_frame)

    def frame_ceil(self, samples: int, sample_rate: int) -> int:
        """The first frame that begins at a position or after it."""
        return -(-samples * self.sample_rate // (sample_rate * self.samples_per_frame))

    def position_of_frame(self, frame: int, sample_rate: int) -> int:
        """The sample at a rate that is nearest to the start of a frame."""
        return round(frame * self.samples_per_frame * sample_rate / self.sample_rate)
