"""Audio in memory: float32 samples with a sample rate, checked when made. Knows no files and no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidRequest

MAX_CHANNELS = 2
_BLOCK = 1 << 16  # samples that are looked at in one go: they stay in the cache
Samples = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Audio:
    """A piece of audio: `samples` float32 (channels, n), full scale at +-1, at `sample_rate` Hz.

    Raises InvalidRequest (field "audio") for a wrong type or shape, no samples, more than two channels,
    NaN or infinite values, or a sample rate that is not a positive integer.
    """

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        _check_array(self.samples)
        _check_rate(self.sample_rate)
        _check_shape(self.samples)
        _check_finite(self.samples)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        """Samples in each channel."""
        return int(self.samples.shape[1])

    @property
    def duration_seconds(self) -> float:
        return self.frames / self.sample_rate

    def to_stereo(self) -> Audio:
        """The same audio with two channels; mono is duplicated, as the model was trained."""
        if self.channels == MAX_CHANNELS:
            return self
        return Audio(np.repeat(self.samples, MAX_CHANNELS, axis=0), self.sample_rate)


def too_many_channels(count: int) -> InvalidRequest:
    """The error for audio of more than two channels; names how to choose two of them."""
    return InvalidRequest(
        "audio",
        f"{count} channels",
        "mono or stereo",
        "Choose two of them with channels, counted from 1 (channels=[1, 2], --channels 1,2), or mix it down to stereo.",
    )


def _check_array(samples: object) -> None:
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32:
        got = f"{samples.dtype} array" if isinstance(samples, np.ndarray) else type(samples).__name__
        raise InvalidRequest("audio", got, "a float32 numpy array", "Convert it with `samples.astype(numpy.float32)`.")


def _check_rate(sample_rate: object) -> None:
    is_integer = isinstance(sample_rate, int | np.integer) and not isinstance(sample_rate, bool)
    if not is_integer or int(sample_rate) <= 0:  # type: ignore[call-overload]
        raise InvalidRequest(
            "audio", f"sample rate {sample_rate!r}", "a positive integer in Hz", "Give the rate of the samples."
        )


def _check_shape(samples: Samples) -> None:
    if samples.ndim != 2:
        raise InvalidRequest(
            "audio",
            f"an array of shape {samples.shape}",
            "the shape (channels, samples)",
            "For mono add an axis: `samples[None, :]`.",
        )
    channels, count = samples.shape
    if count == 0 or channels == 0:
        raise InvalidRequest("audio", "0 samples", "at least one sample", "Choose audio that is not empty.")
    if channels > MAX_CHANNELS:
        if count <= MAX_CHANNELS:
            raise InvalidRequest(
                "audio",
                f"an array of shape {samples.shape}",
                "the shape (channels, samples)",
                "Turn it around with `samples.T`.",
            )
        raise too_many_channels(channels)


def _check_finite(samples: Samples) -> None:
    for start in range(0, samples.shape[1], _BLOCK):
        finite = np.isfinite(samples[:, start : start + _BLOCK])
        if not finite.all():
            channel, index = (int(i) for i in np.argwhere(~finite)[0])
            raise InvalidRequest(
                "audio",
                f"{samples[channel, start + index]} at sample {start + index} of channel {channel}",
                "finite numbers only",
                "Render the audio again, or repair the file: a plug-in may have produced NaN or infinity.",
            )
