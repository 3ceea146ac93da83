"""Both families at their released sizes on a GPU, in parts that fit a quarter of an hour: `python -m tests.bench.gpu`.

One JSON file is written part by part; the same command goes on with it after a cut. A part that fails, hangs or takes
its process with it is told there, and the rest goes on. Without a GPU it says so and measures nothing; `--tiny` runs
every line of it on the CPU with the tests' tiny sizes, so that it is known to work when a GPU is there. What a bare
machine needs beside torch: `python -m tests.bench.gpu_wheels`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

from tests.bench.figures import Figure, Result
from tests.bench.resumed import end_with_parent, figures_of, read_told, run_parts, supervised

MINUTES = 15.0
RESERVE_SECONDS = 25.0  # importing torch, and ending
PATIENCE, PATIENCE_TINY = 3.0, 20.0  # times what a part is expected to take; a CPU may have other work, too
FILE = Path("bench-gpu.json")
NO_GPU = "gpu: skipped, since torch sees no CUDA device here. Run `python -m tests.bench.gpu` on a machine with one."


def gpu(threads: int) -> list[Result]:
    """Every part that fits, into `FILE`."""
    if not torch.cuda.is_available():
        print(NO_GPU)
        return []
    measure(FILE, MINUTES, tiny=False)
    return [*figures_of(read_told(FILE, machine(tiny=False)))] if FILE.exists() else []


def measure(file: Path, minutes: float, tiny: bool, only: list[str] | None = None) -> int:
    """Measure what `file` does not hold yet, in so many minutes, in processes of their own: the exit status."""

    def command(seconds: float, skipped: list[str]) -> list[str]:
        words = [
            sys.executable,
            "-m",
            "tests.bench.gpu",
            "--alone",
            "--json",
            str(file),
            "--minutes",
            f"{seconds / 60}",
        ]
        words += ["--tiny"] if tiny else []
        words += ["--parts", *only] if only else []
        return [*words, *(["--skip", *skipped] if skipped else [])]

    return supervised(command, file, minutes * 60)


def _measure_here(options: argparse.Namespace) -> None:
    """Measure in this process. Raises ValueError for a file of another machine."""
    from tests.bench.gpu_parts import Bench, temporary_folder

    device = torch.device("cpu" if options.tiny else "cuda")
    with temporary_folder() as folder:
        bench = Bench(device, options.tiny, Path(folder))
        parts = [part for part in bench.parts() if not options.parts or part.name in options.parts]
        seconds = options.minutes * 60 - RESERVE_SECONDS
        patience = PATIENCE_TINY if options.tiny else PATIENCE
        run_parts(parts, options.json, seconds, machine(options.tiny), skipped=options.skip, patience=patience)


def machine(tiny: bool) -> dict[str, Any]:
    """What figures depend on."""
    if tiny:
        return {"gpu": "none: the CPU", "torch": torch.__version__, "size": "tiny"}
    properties = torch.cuda.get_device_properties(0)
    return {
        "gpu": properties.name,
        "memory_gb": round(properties.total_memory / 1e9, 1),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": sys.version.split()[0],
        "size": "released",
    }


BENCHES = {"gpu": gpu}


def main(words: list[str] | None = None) -> int:
    """With these words in place of the command line's."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="the tests' tiny sizes, on the CPU")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of this run; what is left goes to the next")
    parser.add_argument("--json", type=Path, default=FILE, help="written part by part, and gone on with")
    parser.add_argument("--parts", nargs="*", help="only these")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # in this process
    parser.add_argument("--skip", nargs="*", default=[], help=argparse.SUPPRESS)  # parts that ended a process
    options = parser.parse_args(words)
    if not options.tiny and not torch.cuda.is_available():
        print(NO_GPU)
        return 0
    if not options.alone:
        status = measure(options.json, options.minutes, options.tiny, options.parts)
        return status if status == 2 else _tell(options)
    end_with_parent()
    try:
        _measure_here(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _tell(options: argparse.Namespace) -> int:
    """Print what the file holds: 1 where something is left."""
    if not options.json.exists():
        print(f"{options.json}: nothing was measured; why is said above", file=sys.stderr)
        return 1
    told = read_told(options.json, machine(options.tiny))
    for figure in figures_of(told):
        print(_line(figure))
    for name, why in told["left"].items():
        print(f"{name}: left, {why}")
    print(f"{options.json}: {len(told['parts'])} parts measured, {len(told['left'])} left")
    if options.tiny:
        print("No GPU was measured: --tiny runs every line on the CPU, with the tests' tiny sizes.")
    return 1 if told["left"] else 0


def _line(figure: Figure) -> str:
    floor = f"floor {figure.floor:.3g}" if figure.floor else ""
    return f"{figure.what:60} {figure.value:10.4g} {figure.unit:6} {figure.reach:6} {floor}"


if __name__ == "__main__":
    raise SystemExit(main())
