"""A region of 10 s costs what it costs, in a song of half a minute and in a file of an hour."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile

from tests.bench.figures import Figure, Result, Series, in_turns, threads_in_words
from tests.bench.songs import write_song

if TYPE_CHECKING:
    from engine.model import Model

REGION_SECONDS = 10.0
LENGTHS = (30, 60, 240, 600, 1800, 3600)
ROUNDS = 3


def region(threads: int) -> list[Result]:
    """`output=clip` in songs of 30 s to an hour; each render encodes, denoises and decodes again."""
    import torch

    import engine

    torch.set_num_threads(threads)
    model = engine.load("nano", device="cpu")

    with tempfile.TemporaryDirectory() as folder:
        songs: dict[int, Path] = {seconds: write_song(Path(folder), seconds) for seconds in LENGTHS}
        times = in_turns({str(s): _rendered(model, path, s) for s, path in songs.items()}, ROUNDS, threads == 1)
        memory = in_turns({str(s): _in_memory(model, songs[s]) for s in LENGTHS[:3:2]}, ROUNDS, threads == 1)
    how = f"nano, {threads_in_words(threads)}, output=clip, median of {ROUNDS} in turns"
    base = times[str(LENGTHS[0])]
    ratios = {s: times[str(s)] / base for s in LENGTHS}
    figures: list[Result] = [Figure("region_30s_seconds", "10 s region in 30 s, warm", base, "s", "", how)]
    for seconds in LENGTHS[1:]:
        what = f"10 s region: song of {seconds} s / of 30 s"
        figures.append(Figure(f"region_{seconds}s_ratio", what, ratios[seconds], "x", "<= 1.15", how))
    ratio, what = memory[str(LENGTHS[2])] / memory[str(LENGTHS[0])], "10 s region, audio in memory: 240 s / 30 s"
    figures.append(Figure("region_memory_ratio", what, ratio, "x", "<= 1.15", how.replace("clip", "full")))
    curve = {"10 s region, 10 s of context on each side": [(s / 60, times[str(s)]) for s in LENGTHS]}
    title = "Time of a region against the length of the song"
    return [*figures, Series("region", title, "song, minutes", "seconds", curve, log_x=True)]


def _rendered(model: Model, audio: Any, seconds: float, **more: Any) -> Callable[[], object]:
    """Work that renders the region in the middle, encoding it again."""
    start = (seconds - REGION_SECONDS) / 2
    fields: dict[str, Any] = {"tags": "house, 120 bpm, drums", "tempo": 120, "seed": 1, "output": "clip", **more}

    def work() -> object:
        import engine

        model.forget_audio()
        given = audio() if callable(audio) else str(audio)
        return model.render(engine.Inpaint(audio=given, start_time=start, end_time=start + REGION_SECONDS, **fields))

    return work


def _in_memory(model: Model, path: Path) -> Callable[[], object]:
    """The same from samples in memory, checked anew each time, to a whole song in memory."""
    from engine import Audio

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    stereo = samples.T.copy()
    return _rendered(model, lambda: Audio(stereo, rate), stereo.shape[1] / rate, output="full")


BENCHES = {"region": region}
