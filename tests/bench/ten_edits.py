"""`python -m tests.bench edits [FOLDER] --plots docs/img`: ten edits in a row of regions that meet and overlap.

Prints how many samples that were never selected differ from the first source's (0), and how far what the model sees of
the music is from how it sounds, in dB of log-mel: where nothing was ever selected, and where it made the music itself,
with its own latents and without. Beside it what coding the whole file at each edit would cost. ACESTEP_FIT_FOLDER: the
first piece of a folder instead of the generator's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.figures import Figure, Result, Series

EDITS = ((4, 6), (6, 8), (8, 10), (10, 12), (5, 7), (7, 9), (9, 11), (4.5, 5.5), (6.5, 8.5), (5.5, 9.5))
CONTEXT_SECONDS = 4.0
_RATE = 44100
_SECONDS = 20.0
_BANDS, _SIZE, _HOP = 40, 2048, 512
_FLOOR_DB = 60.0
Audio = NDArray[np.float32]


def log_mel(audio: Audio) -> NDArray[np.float64]:
    """Levels in dB of 40 bands from 60 Hz to 16 kHz, (frames, bands), at most 60 dB below the loudest."""
    frames = np.lib.stride_tricks.sliding_window_view(audio.mean(axis=0), _SIZE)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_SIZE))) ** 2
    edges = np.geomspace(60, 16000, _BANDS + 1)
    hertz = np.fft.rfftfreq(_SIZE, 1 / _RATE)
    bands = np.stack([power[:, (hertz >= a) & (hertz < b)].sum(axis=1) for a, b in pairwise(edges)], axis=1)
    return np.asarray(10 * np.log10(bands + bands.max() * 10 ** (-_FLOOR_DB / 10)))


def distance_db(one: Audio, other: Audio) -> float:
    """Mean difference of log-mels."""
    return float(np.abs(log_mel(one) - log_mel(other)).mean())


class Chain:
    """One source after another, each the last one's result. `reuse` is the request's `reuse_latents`."""

    def __init__(self, model: object, source: Audio, reuse: bool) -> None:
        self._model, self._reuse = model, reuse
        self.first, self.now = source, source
        self.made = np.zeros(source.shape[1], dtype=bool)  # where the model made what sounds
        self.changed = np.zeros(source.shape[1], dtype=bool)
        self.reused_seconds: list[float] = []

    def edit(self, number: int, start: float, end: float) -> None:
        """Regenerate [start, end) seconds of what is there now."""
        import engine

        request = engine.Inpaint(
            audio=engine.Audio(self.now, _RATE), tags="instrumental", start_time=start, end_time=end, seed=number,
            context_seconds=CONTEXT_SECONDS, reuse_latents=self._reuse, **_steps(),
        )  # fmt: skip
        result = self._model.render(request)  # type: ignore[attr-defined]
        for first, last in result.report["changed"]:
            self.changed[first:last] = True
            self.made[first + round(0.03 * _RATE) : last - round(0.03 * _RATE)] = True
        self.now = result.audio
        self.reused_seconds.append(result.report.get("reused_latents_seconds", 0.0))

    @property
    def differing(self) -> int:
        """Samples that were never selected and are not the first source's any more."""
        return int((self.first != self.now).any(axis=0)[~self.changed].sum())

    def seen(self, start: float, end: float) -> tuple[float, float]:
        """How far what the model would see in an edit of [start, end) is from what sounds, in dB: of the music that was
        never selected, and of that it made."""
        import engine
        from engine.audio.window import plan_window
        from engine.rendering.codec import Span
        from engine.rendering.source import open_source

        codec, geometry = self._model._codec, self._model._family.facts.geometry  # type: ignore[attr-defined]
        source = open_source(engine.Audio(self.now, _RATE))
        window = plan_window(source.frames, _RATE, start, end, CONTEXT_SECONDS, geometry=geometry)
        window, own = codec.own.fitted(source, window, geometry) if self._reuse else (window, None)
        known = codec.encode(source, window.known_start, window.known_end)
        known = known if own is None else own.put_into(known)
        heard = codec.decode_span(known, Span(0, window.end - window.start, _RATE))
        there, made = self.now[:, window.start : window.end], self.made[window.start : window.end]
        off = np.abs(log_mel(heard) - log_mel(there)).mean(axis=1)
        centre = np.arange(off.size) * _HOP + _SIZE // 2
        return float(off[~made[centre]].mean()), float(off[made[centre]].mean()) if made[centre].any() else float("nan")


def edits(threads: int) -> list[Result]:
    """Ten edits with the model's own latents and without, and the whole file coded ten times."""
    import torch

    import engine

    torch.set_num_threads(threads)
    source = _source()
    chains = {}
    curves: dict[str, list[tuple[float, float]]] = {}
    for reuse, how in ((True, "its own latents"), (False, "from its audio")):
        model = engine.load("nano", device="cpu")
        with torch.inference_mode():
            chains[how] = _walked(Chain(model, source, reuse), how, curves)
            if not reuse:
                curves["the whole file coded at each edit"] = _coded_again(_coder(model), source)
    how = f"nano, {len(EDITS)} edits, {_steps().get('number_of_steps', 27)} steps"
    results: list[Result] = [
        Series("edits", "Ten edits in a row", "edit", "what the model sees, dB of log-mel from what sounds", curves)
    ]
    for name, chain in chains.items():
        results.append(
            Figure(f"edits_differ_{name}", f"{name}: samples never selected that differ", chain.differing, "", "0", how)
        )
        results.append(
            Figure(
                f"edits_reused_{name}", f"{name}: seconds reused, all edits", sum(chain.reused_seconds), "s", "", how
            )
        )
    for label, points in curves.items():
        known = [y for _, y in points if not np.isnan(y)]
        results.append(Figure(f"edits_first_{label}", f"{label}: first", known[0], "dB", "", how))
        results.append(Figure(f"edits_last_{label}", f"{label}: last", known[-1], "dB", "", how))
    return results


def _walked(chain: Chain, how: str, curves: dict[str, list[tuple[float, float]]]) -> Chain:
    from rich.progress import track

    never, made = [], []
    for number, (start, end) in enumerate(track(EDITS, how), 1):
        unselected, own = chain.seen(start, end)
        never.append((float(number), unselected))
        made += [] if np.isnan(own) else [(float(number), own)]
        chain.edit(number, start, end)
    curves[f"never selected, {how}"], curves[f"made by the model, {how}"] = never, made
    return chain


def _coder(model: object) -> Callable[[Audio], Audio]:
    from engine.rendering.codec import Span

    codec = model._codec  # type: ignore[attr-defined]

    def coded(audio: Audio) -> Audio:
        return codec.decode_span(codec.encode_samples(audio, _RATE), Span(0, audio.shape[1], _RATE))

    return coded


def _coded_again(coded: Callable[[Audio], Audio], source: Audio) -> list[tuple[float, float]]:
    audio, points = source, []
    for number in range(1, len(EDITS) + 1):
        audio = coded(audio)
        points.append((float(number), distance_db(audio, source)))
    return points


def _steps() -> dict[str, int]:
    steps = os.environ.get("ACESTEP_EDITS_STEPS")
    return {"number_of_steps": int(steps)} if steps else {}


def _source() -> Audio:
    from engine.errors import InvalidRequest
    from engine.training.music.arrange import Wish, make_score
    from engine.training.music.synthesis import render
    from tests.bench.music_folder import middles

    folder = os.environ.get("ACESTEP_FIT_FOLDER")
    if folder:
        for audio, rate in middles(Path(folder)):
            if rate == _RATE:
                return audio
        raise InvalidRequest("FOLDER", folder, f"a piece at {_RATE} Hz", "Convert one, or name another folder.")
    return render(make_score(7001, _SECONDS, Wish(steady=True)), 7001).audio


BENCHES = {"edits": edits}
