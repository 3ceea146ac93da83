"""Spectrograms before and after, and the joints close up, as one PNG. Knows no daemon and no project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bridge.file_names import printable
from engine.atomic import replacing
from engine.audio.buffer import Audio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FFT = 2048
HOP = 512
FLOOR_DB = -90.0
MARGIN_SECONDS = 4.0
JOINT_SECONDS = 0.06
REGION_COLOR = "#f2a33a"


@dataclass(frozen=True)
class Comparison:
    """The same stretch of a track before and after; the region's borders in seconds of that stretch.

    `shown_from_seconds` is where the stretch begins in its file: what the axis counts from.
    """

    before: Audio
    after: Audio
    start_seconds: float
    end_seconds: float
    title: str
    shown_from_seconds: float = 0.0


def spectrogram_db(samples: NDArray[np.float32], fft: int = FFT, hop: int = HOP) -> NDArray[np.float64]:
    """Magnitudes in dB below full scale, (fft // 2 + 1, frames), of mono samples (n,)."""
    padded = np.pad(samples, (fft // 2, fft // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft)[::hop]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(fft), axis=1)).T / (fft / 4)
    decibels: NDArray[np.float64] = np.maximum(20 * np.log10(spectrum + 1e-10), FLOOR_DB)
    return decibels


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Write a PNG: both spectrograms around the region, and both joints at sample scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 9), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.add_gridspec(2, 1, height_ratios=(2, 1))
    spectra = figure.add_subfigure(rows[0]).subplots(2, 1, sharex=True, sharey=True)
    _draw_spectrum(spectra[0], comparison, comparison.before, "before")
    _draw_spectrum(spectra[1], comparison, comparison.after, "after")
    spectra[1].set_xlabel("seconds")
    joints = figure.add_subfigure(rows[1]).subplots(1, 2, sharey=True)
    _draw_joint(joints[0], comparison, comparison.start_seconds, "joint at the start")
    _draw_joint(joints[1], comparison, comparison.end_seconds, "joint at the end")
    joints[0].legend(loc="upper left", fontsize=8)
    figure.suptitle(printable(comparison.title))
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def _draw_spectrum(axes: Axes, comparison: Comparison, audio: Audio, name: str) -> None:
    first = max(0.0, comparison.start_seconds - MARGIN_SECONDS)
    last = min(audio.duration_seconds, comparison.end_seconds + MARGIN_SECONDS)
    part = audio.samples[:, int(first * audio.sample_rate) : int(last * audio.sample_rate)].mean(axis=0)
    picture = spectrogram_db(part)
    hertz = np.fft.rfftfreq(FFT, 1 / audio.sample_rate)
    seconds = comparison.shown_from_seconds + first + np.arange(picture.shape[1]) * HOP / audio.sample_rate
    axes.pcolormesh(seconds, hertz[1:], picture[1:], cmap="magma", vmin=FLOOR_DB, vmax=0, shading="nearest")
    axes.set_yscale("log")
    axes.set_ylim(40, audio.sample_rate / 2)
    axes.set_ylabel("Hz")
    axes.set_title(name, loc="left")
    for border in (comparison.start_seconds, comparison.end_seconds):
        axes.axvline(comparison.shown_from_seconds + border, color=REGION_COLOR, linewidth=1.5)


def _draw_joint(axes: Axes, comparison: Comparison, border: float, name: str) -> None:
    rate = comparison.before.sample_rate
    first, last = int((border - JOINT_SECONDS) * rate), int((border + JOINT_SECONDS) * rate)
    first, last = max(0, first), min(last, comparison.before.samples.shape[1])
    milliseconds = (np.arange(first, last) / rate - border) * 1000
    axes.plot(milliseconds, comparison.before.samples[0, first:last], color="#999999", linewidth=1, label="before")
    axes.plot(milliseconds, comparison.after.samples[0, first:last], color="#b3123f", linewidth=0.8, label="after")
    axes.axvline(0, color=REGION_COLOR, linewidth=1.5)
    axes.set_xlabel("milliseconds from the border")
    axes.set_title(name, loc="left")
