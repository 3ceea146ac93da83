"""This engine and the public implementation: the same weights, requests and seeds in one process, in turns."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.checkpoints import MIDDLE, write_checkpoint
from tests.bench.figures import Figure, Result
from tests.bench.songs import lyrics_of, write_song

STEPS = 27
TAGS = "pop, piano, warm, 100 bpm"
GUIDANCE: dict[str, Any] = {"guidance_type": "apg", "guidance_scale": 15.0}


@dataclass(frozen=True)
class Case:
    """One job on both sides. `ours` and `theirs` run it; `rounds` are counted for theirs."""

    name: str
    what: str
    reach: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    rounds: int = 1


def reference(threads: int) -> list[Result]:
    """Ratios of times; one thread, whatever is asked for otherwise."""
    from tests.bench import public_reference

    if public_reference.checkout() is None:
        print(f"reference: skipped. {public_reference.NEEDS}")
        return []
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        figures = _compare(Path(name))
    torch.set_num_threads(threads)
    return figures


def _compare(folder: Path) -> list[Result]:
    import engine
    from tests.bench import public_reference

    checkpoint = write_checkpoint(folder / "middle", MIDDLE)
    pipeline = public_reference.load_pipeline(checkpoint)
    os.environ["ACESTEP_LYRIC_VOCAB"] = str(public_reference.vocabulary())
    model = engine.load(checkpoint, device="cpu")
    out = str(folder / "out" / "theirs.wav")
    figures: list[Result] = []
    for case in _cases(model, pipeline, folder, out):
        figures += _measure(case)
    return figures


def _cases(model: Any, pipeline: Any, folder: Path, out: str) -> list[Case]:
    lyrics = lyrics_of(500)
    return [
        _text(model, pipeline, lyrics, out),
        _region(model, pipeline, write_song(folder, 30), (10.0, 20.0), out, "", 1),
        _region(model, pipeline, write_song(folder, 240), (115.0, 125.0), out, ">= 15", 1),
    ]


def _region(
    model: Any, pipeline: Any, song: Path, region: tuple[float, float], out: str, reach: str, rounds: int
) -> Case:
    import engine
    from tests.bench import public_reference

    start, end = region
    seconds = int(song.stem.removeprefix("song-"))
    request = engine.Inpaint(
        audio=str(song), tags=TAGS, start_time=start, end_time=end, seed=1, number_of_steps=STEPS, output="clip",
        variance=0.5, **GUIDANCE,
    )  # fmt: skip

    def ours() -> Any:
        model.forget_audio()
        return model.render(request)

    def theirs() -> Any:
        return public_reference.run(
            pipeline, task="repaint", src_audio_path=str(song), prompt=TAGS, lyrics="", repaint_start=start,
            repaint_end=end, retake_variance=0.5, infer_step=STEPS, manual_seeds=[1], audio_duration=float(seconds),
            save_path=out,
        )  # fmt: skip

    return Case(f"region_{seconds}s", f"10 s region in {seconds} s", reach, ours, theirs, rounds)


def _text(model: Any, pipeline: Any, lyrics: str, out: str) -> Case:
    import engine
    from tests.bench import public_reference

    request = engine.TextToAudio(
        tags=TAGS, lyrics=lyrics, language="en", duration=20, seed=1, number_of_steps=STEPS, **GUIDANCE
    )

    def theirs() -> Any:
        return public_reference.run(
            pipeline, prompt=TAGS, lyrics=lyrics, audio_duration=20.0, infer_step=STEPS, manual_seeds=[1], save_path=out
        )

    return Case("text_500", "20 s, 500 lyric tokens", ">= 2", lambda: model.render(request), theirs, 1)


def _measure(case: Case) -> list[Result]:
    made = case.ours()
    ours, theirs, theirs_made = [_processor_seconds(case.ours)[0]], [], None
    for _ in range(case.rounds):
        seconds, theirs_made = _processor_seconds(case.theirs)
        theirs.append(seconds)
        ours.append(_processor_seconds(case.ours)[0])
    ratio = median(theirs) / median(ours)
    how = f"{STEPS} steps, {case.rounds} in turns: {median(theirs):.1f} s against {median(ours):.1f} s"
    name, what = case.name, case.what
    figures: list[Result] = [
        Figure(f"reference_{name}_ratio", f"{what}: public implementation / this", ratio, "x", case.reach, how),
        Figure(f"reference_{name}_seconds", f"{what}: public implementation", median(theirs), "s", "", how),
        Figure(f"ours_{name}_seconds", f"{what}: this engine", median(ours), "s", "", how),
    ]
    if theirs_made is not None and tuple(theirs_made.shape[1:]) == made.latents.shape:
        apart = _distance(made.latents, theirs_made[0])
        figures.append(Figure(f"reference_{name}_difference", f"{what}: latents apart", apart, "", "", "same seed"))
    print(figures[0], flush=True)
    return figures


def _processor_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time: on one thread it is the wall clock's of a quiet machine, and others disturb it less."""
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def _distance(made: Any, wanted: Any) -> float:
    import torch

    return float((torch.from_numpy(made) - wanted).norm() / wanted.norm())


BENCHES = {"reference": reference}
