"""Products by oneDNN and by torch itself, on the shapes that occur, and what this machine keeps of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from engine.memory.kept_products import processor, settle
from engine.networks import products
from tests.bench.figures import Figure, Result, seconds_of, threads_in_words

# rows, inputs, outputs: nano with three rows of 12 s, a middle-sized checkpoint, v1's decoder
SHAPES = (
    (387, 192, 192),
    (387, 192, 768),
    (387, 384, 192),
    (646, 2560, 512),
    (646, 512, 2560),
    (2000, 512, 1536),
    (2064, 128, 1024),
    (16, 512, 512),
)
ROUNDS = 9


@torch.inference_mode()
def products_probe(threads: int) -> list[Result]:
    """Rates of both, in turns; and the time of the probe, once a machine."""
    torch.set_num_threads(threads)
    settle()
    figures: list[Result] = []
    for rows, inputs, outputs in SHAPES:
        figures += _shape(rows, inputs, outputs, threads)
    probed = seconds_of(products.OWN.probe, threads == 1)
    how = f"{processor()}; kept: torch's own for {sorted(products.OWN.taken) or 'none'}"
    return [*figures, Figure("products_probe_seconds", "probe, once a machine", probed, "s", "", how)]


def _shape(rows: int, inputs: int, outputs: int, threads: int) -> list[Result]:
    x, weight = torch.randn(rows, inputs), torch.randn(outputs, inputs)
    ways = {"oneDNN": lambda: products.onednn(x, weight), "torch": lambda: F.linear(x, weight)}
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, work in ways.items():
            best[name] = min(best[name], seconds_of(work, threads == 1))
    kind = products.kind_of(rows, outputs, inputs)
    takes = "torch" if kind in products.OWN.taken else "oneDNN"
    operations, shape = 2 * rows * inputs * outputs, f"{rows} x {inputs} x {outputs}"
    how = f"{kind}, {takes} is used, {threads_in_words(threads)}, best of {ROUNDS} in turns"
    return [
        Figure(f"product_{shape.replace(' ', '')}_{name}", f"{shape}: {name}", operations / t / 1e9, "GFLOP/s", "", how)
        for name, t in best.items()
    ]


BENCHES = {"products": products_probe}
