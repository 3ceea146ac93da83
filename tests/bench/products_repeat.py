"""The same render in several processes of this machine: with nothing kept of its products, with it, by threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile

from tests.bench.figures import Figure, Result

ROUNDS = (("nothing kept yet", 1), ("kept", 1), ("kept, two threads", 2), ("kept, two threads again", 2))


def products_repeat(threads: int) -> list[Result]:
    """How many of the later renders differ from the first in any bit; what is kept goes into a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        made = {name: _made(count, folder) for name, count in ROUNDS}
    first = made[ROUNDS[0][0]]
    print(*(f"  {name}: {digest}" for name, digest in made.items()), sep="\n", flush=True)
    differ = [name for name, digest in made.items() if digest != first]
    how = f"nano, 4 s, {len(ROUNDS)} processes: {', '.join(made)}; {first[:16]}"
    return [Figure("products_repeat_differ", "renders that differ from the first", len(differ), "", "0", how)]


def _made(threads: int, folder: str) -> str:
    command = [sys.executable, "-m", "tests.bench.products_repeat", str(threads)]
    environment = os.environ | {"XDG_CACHE_HOME": folder, "OMP_NUM_THREADS": str(threads)}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _render(threads: int) -> str:
    """SHA-256 of the samples, and the kinds of products that torch itself made."""
    import torch

    import engine
    from engine.networks import products

    torch.set_num_threads(threads)
    model = engine.load("nano", device="cpu")
    audio = model.render(engine.TextToAudio(tags="house, 120 bpm", duration=4, seed=3, number_of_steps=4)).audio
    return f"{hashlib.sha256(audio.tobytes()).hexdigest()} torch's own: {sorted(products.OWN.taken)}"


BENCHES = {"products-repeat": products_repeat}


if __name__ == "__main__":
    print(_render(int(sys.argv[1])))
