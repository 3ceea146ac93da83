"""nano on this machine, warm: seconds of audio a second at 27 and at 8 steps, beside the floor of what it computes."""

from __future__ import annotations

from typing import Any

from tests.bench.figures import Figure, Result, median_of, threads_in_words

SECONDS = 20.0
ROUNDS = 5
REACH = {27: ">= 6", 8: ">= 12"}  # times real time


def nano(threads: int) -> list[Result]:
    """Text to audio, whole renders. The floor counts products, convolutions and Fourier transforms, and each weight
    once; of the rest (phases, levels, places of partials) nothing."""
    import torch

    import engine
    from tests.bench.machine import ceilings

    model = engine.load("nano", device="cpu")
    torch.set_num_threads(threads)
    limits = ceilings("cpu", torch.float32)
    figures: list[Result] = []
    for steps, reach in REACH.items():
        request = engine.TextToAudio(
            tags="house, 124 bpm, drums, bass", tempo=124, duration=SECONDS, seed=1, number_of_steps=steps
        )
        floor = _floor(model, request, threads)
        time = median_of(lambda request=request: model.render(request), ROUNDS, threads == 1)
        how = f"{SECONDS:g} s, {steps} steps, {threads_in_words(threads)}, median of {ROUNDS}"
        name = "nano_realtime" if steps == 27 else f"nano_realtime_{steps}"
        what = f"nano, {steps} steps: seconds of audio a second"
        operations = f"{how}, {floor.operations / 1e9:.0f} GFLOP"
        figures += [
            Figure(name, what, SECONDS / time, "x", reach, how),
            Figure(f"nano_seconds_{steps}", "the same: seconds", time, "s", "", operations, floor.seconds(limits)),
        ]
    return figures


def _floor(model: Any, request: Any, threads: int) -> Any:
    """Counted in one thread: operations are counted in the thread that asks for it."""
    import torch

    from tests.bench.floors import floor_of

    torch.set_num_threads(1)
    networks = model.networks
    floor = floor_of(lambda: model.render(request), networks.transformer, networks.autoencoder.dcae.decoder)
    torch.set_num_threads(threads)
    return floor


BENCHES = {"nano": nano}
