"""Which build of PyTorch is installed, and from where."""

from __future__ import annotations

from pathlib import Path

from bridge.set_up.machine import INDEX_SECONDS, PYTORCH_INDEX, Machine, SetupError, dotted, say

CUDA_BUILDS = {"cu130": (13, 0), "cu128": (12, 0), "cu126": (12, 0)}  # with the CUDA that the driver must know
BUILDS = {"cpu": "PyTorch for the CPU", "cuda": "PyTorch for NVIDIA GPUs", "client": "without PyTorch"}
SIZES_GB = {"cpu": 1.6, "cuda": 7.5, "client": 0.5}


def choose_build(machine: Machine, wanted: str | None) -> str:
    """Which PyTorch: "cpu", "cuda", or "client" where there is none (Intel Macs) or none is wanted."""
    if machine.system == "Darwin" and machine.arch == "x86_64":
        return "client"
    if wanted is not None:
        return wanted
    return "cuda" if machine.system != "Darwin" and machine.cuda_version() is not None else "cpu"


def torch_index(machine: Machine, build: str, version: str) -> str | None:
    """The index to take torch from, or None for pip's own."""
    if build == "client" or machine.system == "Darwin":
        return None
    say(f"Looking for PyTorch's own index (at most {INDEX_SECONDS} s a try) ...")
    for name in ("cpu",) if build == "cpu" else cuda_builds(machine.cuda_version()):
        if machine.index_offers(name, version):
            return f"{PYTORCH_INDEX}/{name}"
    more = " It may bring the CUDA build, about 5 GB more." if build == "cpu" and machine.system == "Linux" else ""
    say(f"It cannot be reached from here or lacks this version; going on with plain pip.{more}")
    return None


def cuda_builds(driver: tuple[int, int] | None) -> list[str]:
    """Builds that a driver of this CUDA version can run, the newest first; all where it is not known."""
    fitting = [name for name, needs in CUDA_BUILDS.items() if driver in (None, (0, 0)) or driver >= needs]
    if not fitting:
        raise SetupError(
            f"The NVIDIA driver knows CUDA {dotted(driver or (0, 0))} only; PyTorch needs 12.0. Update the driver, or "
            "go on without the GPU: run.py --cpu ..."
        )
    return fitting


def torch_version(root: Path) -> str:
    """The version that was tested, from constraints.txt."""
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line.split("==", 1)[1].strip()
    raise SetupError("constraints.txt names no torch version: this folder is incomplete; unpack the download again.")
