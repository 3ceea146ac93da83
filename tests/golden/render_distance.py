"""How far the renders of `render_hashes` moved, where their hashes did: is it rounding, or is it another result?

python -m tests.golden.render_distance keep FOLDER       before the change
python -m tests.golden.render_distance compare FOLDER    after it: dB below each render's peak, the farthest first
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import engine
from tests.golden.render_hashes import CASES, model, request_of


def rendered(name: str, folder: Path) -> list[np.ndarray]:
    """Latents, then samples of every result of a case; none of one that is refused."""
    chosen, memory, fields = CASES[name]
    try:
        results = model(chosen, memory).render_all(request_of(fields, folder))
    except engine.InvalidRequest:
        return []
    return [np.asarray(values) for result in results for values in (result.latents, result.audio)]


def distance(before: list[np.ndarray], after: list[np.ndarray]) -> float:
    """The largest difference in dB of the peak of its own array; -inf where no bit moved, inf where shapes did."""
    if [values.shape for values in before] != [values.shape for values in after]:
        return math.inf
    farthest = -math.inf
    for old, new in zip(before, after, strict=True):
        moved, peak = float(np.abs(new - old).max(initial=0.0)), float(np.abs(old).max(initial=0.0))
        if moved:
            farthest = max(farthest, 20 * math.log10(moved / peak) if peak else math.inf)
    return farthest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("keep", "compare"))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    moved: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in CASES:
            values, file = rendered(name, Path(folder)), given.folder / f"{name}.npz"
            if given.what == "keep":
                np.savez(file, *values)
                continue
            with np.load(file) as kept:
                before = [kept[key] for key in kept.files]
            moved[name] = (distance(before[::2], values[::2]), distance(before[1::2], values[1::2]))
    if given.what == "keep":
        print(f"{len(CASES)} renders kept in {given.folder}")
        return 0
    for name, (latents, samples) in sorted(moved.items(), key=lambda entry: -entry[1][0]):
        if max(latents, samples) > -math.inf:
            print(f"{name:24} latents {latents:7.1f} dB, samples {samples:7.1f} dB")
    print(f"{sum(max(far) == -math.inf for far in moved.values())} of {len(moved)} renders bit for bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
