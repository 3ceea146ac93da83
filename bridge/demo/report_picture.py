"""A report on a finished file as one PNG: spectrogram, attacks on the beat, loudness, and each joint close up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bridge.demo.pictures import FFT, FLOOR_DB, HOP, JOINT_SECONDS, REGION_COLOR, spectrogram_db
from bridge.file_names import printable
from engine.atomic import replacing
from engine.audio.attacks import find_attacks, levels
from engine.audio.buffer import Audio
from engine.audio.finished_report import Fades, FinishedReport, report_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN_SECONDS = 4.0
_LONGEST_SECONDS = 1e6
_BLOCK_STEPS = 400
_SOUND_COLOR, _OTHER_COLOR, _ATTACK_COLOR, _BEAT_COLOR = "#b3123f", "#2a6fb0", "#2a6fb0", "#333333"


@dataclass(frozen=True)
class Reported:
    """A finished piece of audio and the borders of its new part in seconds; `title` heads the picture.

    `fades` are the seconds [first, last) of its joints, where they are known.
    """

    audio: Audio
    start_seconds: float
    end_seconds: float
    title: str
    fades: Fades = ()

    def report(self) -> FinishedReport:
        """What is heard at the borders. Raises InvalidRequest for a region that is none."""
        borders = self.start_seconds, self.end_seconds
        return report_on(self.audio.samples, self.audio.sample_rate, *borders, self.fades)

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


def fades_of(recipe: Mapping[str, Any] | None) -> Fades:
    """Where the fades lie, as a file's recipe has it; none where it does not say, or what it says is none."""
    try:
        found = [(float(first), float(last)) for first, last in (recipe or {}).get("fades", ())]
    except (TypeError, ValueError):
        return ()
    return tuple((first, last) for first, last in found if 0 <= first < last < _LONGEST_SECONDS)


def draw_report(reported: Reported, report: FinishedReport, path: Path) -> None:
    """Write the picture, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 11), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(4, max(1, len(reported.borders)), height_ratios=(3, 1, 1, 2))
    rows = [figure.add_subplot(grid[row, :]) for row in range(3)]
    for axes, draw in zip(rows, (_draw_spectrum, _draw_attacks, _draw_loudness), strict=True):
        draw(axes, reported, report)
        axes.set_xlim(*reported.shown)
        for _, border in reported.borders:
            axes.axvline(border, color=REGION_COLOR, linewidth=1.5, zorder=1.5)
    rows[-1].set_xlabel("seconds")
    for column, (name, border) in enumerate(reported.borders):
        _draw_joint(figure.add_subplot(grid[3, column]), reported, name, border)
    words = [printable(line) for line in [reported.title, *report.in_words()]]
    figure.suptitle("\n".join(words), fontsize=9, x=0.01, ha="left")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def _part(reported: Reported) -> NDArray[np.float32]:
    """The samples that are shown, (channels, n)."""
    first, last = (round(seconds * reported.audio.sample_rate) for seconds in reported.shown)
    return reported.audio.samples[:, first:last]


def _draw_spectrum(axes: Axes, reported: Reported, report: FinishedReport) -> None:
    first, rate = reported.shown[0], reported.audio.sample_rate
    picture = spectrogram_db(_part(reported).mean(axis=0))
    seconds = first + np.arange(picture.shape[1]) * HOP / rate
    hertz = np.fft.rfftfreq(FFT, 1 / rate)
    axes.pcolormesh(seconds, hertz[1:], picture[1:], cmap="magma", vmin=FLOOR_DB, vmax=0, shading="nearest")
    axes.set_yscale("log")
    axes.set_ylim(40, rate / 2)
    axes.set_ylabel("Hz")
    axes.set_title("spectrogram; orange: borders of the new part", loc="left")


def _draw_attacks(axes: Axes, reported: Reported, report: FinishedReport) -> None:
    """Strength of each attack, and the beats of the music around: both as the report hears them."""
    attacks, (first, last) = find_attacks(_part(reported), reported.audio.sample_rate), reported.shown
    axes.vlines(first + attacks.steps / 1000, 0, attacks.strengths, color=_ATTACK_COLOR, linewidth=1.5)
    beats = [beat for beat in report.beats if first <= beat <= last]
    axes.vlines(beats, 0, 1, color=_BEAT_COLOR, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.05)
    axes.set_yticks([])
    grid = "dotted: the beat of the music around" if beats else "the music around has no steady beat"
    axes.set_title(f"attacks and their strength; {grid}", loc="left")


def _draw_loudness(axes: Axes, reported: Reported, report: FinishedReport) -> None:
    first = reported.shown[0]
    power = levels(_part(reported), reported.audio.sample_rate)
    block = np.ones(min(_BLOCK_STEPS, max(1, power.size)))
    mean = np.convolve(power, block, "same") / np.convolve(np.ones(power.size), block, "same")
    axes.plot(first + np.arange(power.size) / 1000, 10 * np.log10(mean + 1e-9), color=_SOUND_COLOR, linewidth=1)
    axes.set_ylabel("dBFS")
    axes.set_title("level, averaged over 0.4 s", loc="left")


def _draw_joint(axes: Axes, reported: Reported, name: str, border: float) -> None:
    """Every channel at a border, and the fade where it is known to lie."""
    audio = reported.audio
    low = max(0, round((border - JOINT_SECONDS) * audio.sample_rate))
    shown = audio.samples[:, low : round((border + JOINT_SECONDS) * audio.sample_rate)]
    milliseconds = 1000 * ((low + np.arange(shown.shape[1])) / audio.sample_rate - border)
    for channel, color in zip(shown, (_SOUND_COLOR, _OTHER_COLOR), strict=False):
        axes.plot(milliseconds, channel, color=color, linewidth=0.8)
    axes.axvline(0, color=REGION_COLOR, linewidth=1.5)
    near = [fade for fade in reported.fades if abs(sum(fade) / 2 - border) < JOINT_SECONDS]
    for first, last in near:
        axes.axvspan(1000 * (first - border), 1000 * (last - border), color=REGION_COLOR, alpha=0.3)
    known = "; orange: the border, and the fade" if near else "; orange: the border"
    channels = "; red: left, blue: right" if len(shown) == 2 else ""
    axes.set_title(f"joint at the {name}{known}{channels}", loc="left", fontsize=10)
    axes.set_xlabel("milliseconds from the border")
