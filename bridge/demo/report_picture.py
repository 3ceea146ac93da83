"""A report on a finished file as one PNG: spectrogram with attacks and beats, loudness, and each joint close up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridge.demo.pictures import FFT, FLOOR_DB, HOP, JOINT_SECONDS, REGION_COLOR, spectrogram_db
from bridge.file_names import printable
from engine.atomic import replacing
from engine.audio.attacks import find_attacks, levels
from engine.audio.buffer import Audio
from engine.audio.finished_report import FinishedReport, report_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN_SECONDS = 4.0
_BLOCK_STEPS = 400
_SOUND_COLOR, _ATTACK_COLOR, _BEAT_COLOR = "#b3123f", "#4fd1ff", "#ffffff"


@dataclass(frozen=True)
class Reported:
    """A finished piece of audio and the borders of its new part in seconds; `title` heads the picture."""

    audio: Audio
    start_seconds: float
    end_seconds: float
    title: str

    def report(self) -> FinishedReport:
        """What is heard at the borders. Raises InvalidRequest for a region that is none."""
        return report_on(self.audio.samples, self.audio.sample_rate, self.start_seconds, self.end_seconds)

    @property
    def borders(self) -> list[tuple[str, float]]:
        """Name and second of each joint: not where the file begins or ends."""
        inside = [("start", self.start_seconds)] * (self.start_seconds > 0)
        return inside + [("end", self.end_seconds)] * (self.end_seconds < self.audio.duration_seconds)

    @property
    def shown(self) -> tuple[float, float]:
        """The seconds around the joints that the picture shows; the whole file where it has none."""
        places = [seconds for _, seconds in self.borders]
        if not places:
            return 0.0, self.audio.duration_seconds
        last = min(self.audio.duration_seconds, max(places) + MARGIN_SECONDS)
        return max(0.0, min(places) - MARGIN_SECONDS), last


def draw_report(reported: Reported, report: FinishedReport, path: Path) -> None:
    """Write the picture, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 10), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, max(1, len(reported.borders)), height_ratios=(3, 1, 2))
    spectrum, loudness = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, :])
    _draw_spectrum(spectrum, reported, report)
    _draw_loudness(loudness, reported)
    for axes in (spectrum, loudness):
        for _, border in reported.borders:
            axes.axvline(border, color=REGION_COLOR, linewidth=1.5)
    for column, (name, border) in enumerate(reported.borders):
        _draw_joint(figure.add_subplot(grid[2, column]), reported.audio, name, border)
    words = [printable(line) for line in [reported.title, *report.in_words()]]
    figure.suptitle("\n".join(words), fontsize=9, x=0.01, ha="left")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def _draw_spectrum(axes: Axes, reported: Reported, report: FinishedReport) -> None:
    """Spectrogram; its attacks and the beats of the music around, from the bottom."""
    first, last = reported.shown
    rate = reported.audio.sample_rate
    part = reported.audio.samples[:, round(first * rate) : round(last * rate)]
    picture = spectrogram_db(part.mean(axis=0))
    seconds = first + np.arange(picture.shape[1]) * HOP / rate
    hertz = np.fft.rfftfreq(FFT, 1 / rate)
    axes.pcolormesh(seconds, hertz[1:], picture[1:], cmap="magma", vmin=FLOOR_DB, vmax=0, shading="nearest")
    axes.set_yscale("log")
    axes.set_ylim(40, rate / 2)
    axes.set_ylabel("Hz")
    attacks = find_attacks(part, rate)
    axes.vlines(first + attacks.steps / 1000, 40, 40 + 60 * attacks.strengths, color=_ATTACK_COLOR, linewidth=1)
    beats = [beat for beat in report.beats if first <= beat <= last]
    axes.vlines(beats, 40, rate / 2, color=_BEAT_COLOR, linewidth=0.6, linestyle=":", alpha=0.6)
    axes.set_title("spectrogram; blue: attacks and their strength; dotted: the beat of the music around", loc="left")


def _draw_loudness(axes: Axes, reported: Reported) -> None:
    first, last = reported.shown
    rate = reported.audio.sample_rate
    power = levels(reported.audio.samples[:, round(first * rate) : round(last * rate)], rate)
    mean = np.convolve(power, np.ones(_BLOCK_STEPS) / _BLOCK_STEPS, "same")[: power.size]
    axes.plot(first + np.arange(power.size) / 1000, 10 * np.log10(mean + 1e-9), color=_SOUND_COLOR, linewidth=1)
    axes.set_ylabel("dB, 0.4 s")
    axes.set_xlim(first, last)


def _draw_joint(axes: Axes, audio: Audio, name: str, border: float) -> None:
    low = max(0, round((border - JOINT_SECONDS) * audio.sample_rate))
    shown = audio.samples[0, low : round((border + JOINT_SECONDS) * audio.sample_rate)]
    milliseconds = 1000 * ((low + np.arange(shown.size)) / audio.sample_rate - border)
    axes.plot(milliseconds, shown, color=_SOUND_COLOR, linewidth=0.8)
    axes.axvline(0, color=REGION_COLOR, linewidth=1.5)
    axes.set_title(f"joint at the {name}", loc="left")
    axes.set_xlabel("milliseconds from the border")
