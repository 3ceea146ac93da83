"""The released size with random weights on a GPU, in bf16: a region, a new piece, where the time goes, and its floors.

Without a GPU it says so and measures nothing; `--tiny` of `python -m tests.bench.gpu` runs every line of it on the CPU
with the tests' tiny sizes, so that it is known to work when a GPU is there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.model import Model
from engine.networks.bucketed import BucketedEvaluate, Evaluate
from engine.networks.transformer import Context
from tests.bench.checkpoints import REAL, TINY, random_networks, tiny_networks
from tests.bench.figures import Figure, Result, median_of
from tests.bench.floors import Floor, floor_of
from tests.bench.machine import Ceilings, ceilings
from tests.bench.songs import write_song

TOKENS = 48
NO_GPU = "gpu: skipped, since torch sees no CUDA device here. Run `python -m tests.bench gpu` on a machine with one."


@dataclass(frozen=True)
class Effort:
    """How often each is measured, in renders of how many steps."""

    rounds: int = 7
    steps: int = 27


def gpu(threads: int) -> list[Result]:
    """Warm renders at the released size, each stage beside its floor."""
    if not torch.cuda.is_available():
        print(NO_GPU)
        return []
    device = torch.device("cuda")
    return measure(
        random_networks(REAL, device, torch.bfloat16), f"released size, bf16, {torch.cuda.get_device_name()}"
    )


def measure(networks: Networks, how: str, effort: Effort | None = None) -> list[Result]:
    """All figures of these networks."""
    effort = effort or Effort()
    device, dtype = networks.device, networks.dtype
    limits = ceilings(device.type, dtype)
    model = Model("random", networks, memory="resident", speed="auto")
    figures: list[Result] = [
        Figure("gpu_matmul_tflops", "ceiling: a large matrix product", limits.operations / 1e12, "TFLOPS", "", how),
        Figure("gpu_copy_tbps", "ceiling: a large copy, read and written", limits.bytes / 1e12, "TB/s", "", how),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, what, reach, request in _jobs(Path(folder), effort.steps):
            figures += _job(model, limits, (name, what, reach), request, how, effort)
    return figures + _evaluations(networks, limits, how, effort.rounds)


def _jobs(folder: Path, steps: int) -> list[tuple[str, str, str, Any]]:
    import engine

    guidance: dict[str, Any] = {"guidance_type": "apg", "guidance_scale": 15.0, "number_of_steps": steps, "seed": 1}
    region = engine.Inpaint(
        audio=str(write_song(folder, 60)), tags="pop, piano", start_time=25, end_time=35, context_seconds=5,
        output="clip", variance=1.0, **guidance,
    )  # fmt: skip
    piece = engine.TextToAudio(tags="pop, piano", duration=60, **guidance)
    return [
        ("gpu_region", "10 s region, 5 s of context on each side", "< 0.5", region),
        ("gpu_text", "60 s text-to-audio", "< 1", piece),
    ]


def _job(
    model: Model, limits: Ceilings, words: tuple[str, str, str], request: Any, how: str, effort: Effort
) -> list[Result]:
    name, what, reach = words

    def work() -> Any:
        model.forget_audio()
        return model.render(request)

    floor = _counted(model, request, effort.steps).seconds(limits)
    told, seconds = f"{effort.steps} steps, {how}", median_of(work, effort.rounds)
    figures: list[Result] = [Figure(f"{name}_seconds", f"{what}, warm", seconds, "s", reach, told, floor)]
    for stage, seconds in work().timings.items():
        if stage != "total":
            figures.append(Figure(f"{name}_{stage}_seconds", f"{what}: {stage}", seconds, "s", "", "of one render"))
    return figures


def _counted(model: Model, request: Any, steps: int) -> Floor:
    """Operations of the whole job, counted on the plain path; weights are read once an evaluation."""
    plain = Model("random", model.networks, memory="resident", speed="plain")
    blocks = model.networks.transformer.transformer_blocks
    floor = floor_of(lambda: plain.render(request))
    weights = sum(p.numel() * p.element_size() for p in blocks.parameters())
    return Floor(floor.operations, float(weights * steps))


def _evaluations(networks: Networks, limits: Ceilings, how: str, rounds: int) -> list[Result]:
    """One evaluation by each way to make it."""
    ways: dict[str, Callable[[], Evaluate]] = {
        "plain": lambda: networks.transformer.evaluate,
        "padded": lambda: BucketedEvaluate(networks.transformer, graphs=False),
    }
    if networks.device.type == "cuda":
        ways["graph"] = lambda: BucketedEvaluate(networks.transformer, graphs=True)
        ways["compiled_graph"] = lambda: BucketedEvaluate(networks.transformer, graphs=True, backend="inductor")
    figures: list[Result] = []
    for seconds, rows in ((20.0, 1), (20.0, 2), (60.0, 2)):
        for name, make in ways.items():
            figures.append(_evaluation(networks, limits, (name, make()), (seconds, rows), how, rounds))
    return figures


@torch.inference_mode()
def _evaluation(
    networks: Networks, limits: Ceilings, way: tuple[str, Evaluate], size: tuple[float, int], how: str, rounds: int
) -> Figure:
    name, evaluate = way
    seconds, rows = size
    transformer, device = networks.transformer, networks.device
    states = torch.randn(rows, TOKENS, networks.config.inner_dim, device=device).to(networks.dtype)
    context = transformer.prepare(Context(states, torch.ones(rows, TOKENS, device=device)))
    latents = torch.randn(rows, 8, 16, V1_GEOMETRY.frames_of(seconds), device=device)
    time = transformer.time_steps(torch.tensor([500.0], device=device))

    def work() -> None:
        evaluate(latents, time, context)
        if device.type == "cuda":
            torch.cuda.synchronize()

    work = torch.inference_mode()(work)
    plain = torch.inference_mode()(lambda: transformer.evaluate(latents, time, context))
    floor = floor_of(plain, transformer.transformer_blocks).seconds(limits) if name == "plain" else 0.0
    what = f"one evaluation, {seconds:g} s, {rows} rows: {name}"
    value = median_of(work, rounds)
    return Figure(f"gpu_{name}_{seconds:g}s_{rows}_ms", what, value * 1e3, "ms", "", how, floor * 1e3)


BENCHES = {"gpu": gpu}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help=f"the sizes of {TINY.name}, on the CPU")
    options = parser.parse_args()
    results = measure(tiny_networks(), "tiny, CPU", Effort(1, 2)) if options.tiny else gpu(1)
    for figure in results:
        if isinstance(figure, Figure):
            print(f"{figure.what:60} {figure.value:10.4g} {figure.unit:6} {figure.reach:6} floor {figure.floor:.3g}")
    print(json.dumps({f.name: f.value for f in results if isinstance(f, Figure)}))


if __name__ == "__main__":
    main()
