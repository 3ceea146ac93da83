"""nano on this machine: seconds of audio a second, warm."""

from __future__ import annotations

from tests.bench.figures import Figure, Result, median_of, threads_in_words

SECONDS = 20.0
ROUNDS = 5


def nano(threads: int) -> list[Result]:
    """Text to audio, 27 steps."""
    import torch

    import engine

    torch.set_num_threads(threads)
    model = engine.load("nano", device="cpu")
    request = engine.TextToAudio(
        tags="house, 124 bpm, drums, bass", tempo=124, duration=SECONDS, seed=1, number_of_steps=27
    )
    time = median_of(lambda: model.render(request), ROUNDS, threads == 1)
    how = f"{SECONDS:g} s, 27 steps, {threads_in_words(threads)}, median of {ROUNDS}"
    return [Figure("nano_realtime", "nano: seconds of audio a second", SECONDS / time, "x", ">= 5", how)]


BENCHES = {"nano": nano}
