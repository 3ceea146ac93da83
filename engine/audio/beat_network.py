"""How likely a beat is, each 20 ms: a small network over `beat_frames`, as numpy alone. Knows no training.

Filters over some bands and moments tell what begins and ends; one layer weighs them over all bands; convolutions with
gaps of 1, 2, 4 ... 128 frames then hear 20 s. `beat_network.npz` holds its weights, `BEAT_NETWORK.md` says whence.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
STRIDE = 2  # bands between one place of a filter and the next
WEIGHTS = Path(__file__).with_name("beat_network.npz")


@cache
def weights(path: Path = WEIGHTS) -> dict[str, Array]:
    """The arrays of a weights file by name, as float32."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def beat_log_odds(frames: Array, parts: dict[str, Array] | None = None) -> NDArray[np.float64]:
    """Of (steps, bands): the log odds of a beat at each step, (steps,)."""
    parts = weights() if parts is None else parts
    heard = (frames - parts["mean"]) / parts["deviation"]
    state = np.maximum(_filters(heard, parts) @ parts["mix"] + parts["mix_bias"], 0)  # (steps, C)
    for k in range(sum(name.startswith("dilated_bias") for name in parts)):
        inner = np.maximum(_dilated(state, parts[f"dilated{k}"], 2**k) + parts[f"dilated_bias{k}"], 0)
        state = state + inner @ parts[f"back{k}"] + parts[f"back_bias{k}"]
    return np.asarray(np.maximum(state, 0) @ parts["out"] + parts["out_bias"], np.float64)[:, 0]


def _filters(heard: Array, parts: dict[str, Array]) -> Array:
    """Each filter (moments, bands) at each step and band: (steps, bands' places x filters), rectified."""
    kernel = parts["filters"]  # (moments, bands, filters)
    moments, bands, count = kernel.shape
    padded = np.pad(heard, ((moments // 2, moments // 2), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (moments, bands))[
        :, ::STRIDE
    ]  # (steps, places, moments, bands)
    places = views.shape[1]
    flat = np.ascontiguousarray(views).reshape(-1, moments * bands) @ kernel.reshape(-1, count)
    return np.maximum(flat + parts["filters_bias"], 0).reshape(len(heard), places * count)


def _dilated(state: Array, kernel: Array, gap: int) -> Array:
    """A convolution of taps so many frames apart, 0 beyond both ends; kernel is (taps, in, out)."""
    reach = len(kernel) // 2 * gap
    padded = np.pad(state, ((reach, reach), (0, 0)))
    return np.sum([padded[k * gap : k * gap + len(state)] @ tap for k, tap in enumerate(kernel)], axis=0)
