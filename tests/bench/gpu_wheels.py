"""What `python -m tests.bench.gpu` needs beside torch on a bare machine without a network, as wheels to carry there.

    python -m tests.bench.gpu_wheels                    names the packages, at the tested versions
    python -m tests.bench.gpu_wheels --folder wheels    downloads them for Linux x86_64 and Python 3.12

There: `python -m pip install --no-index --no-deps --find-links wheels` and the names that the first form prints.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What the measured code imports; the rest of the engine's dependencies are for lyrics, files and downloads.
ROOTS = ("numpy", "scipy", "safetensors", "tokenizers", "soundfile", "soxr", "pyloudnorm", "pedalboard", "platformdirs",
         "rich", "msgspec", "psutil", "huggingface_hub")  # fmt: skip
OPTIONAL = ("torchao",)  # the 8-bit memory modes; left out where it is missing
THERE = ("torch", "nvidia", "triton", "setuptools")  # comes with the machine's own torch
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def needed(python: str = "3.12") -> list[str]:
    """`name==version` of every package, dependencies included, at the versions of constraints.txt."""
    versions = _tested()
    names: set[str] = set()
    _add((*ROOTS, *OPTIONAL), names)
    return [f"{name}=={versions[name]}" for name in sorted(names) if name in versions]


def _add(roots: Iterable[str], names: set[str]) -> None:
    for root in map(_plain, roots):
        if root in names or (root.startswith(THERE) and root != "torchao"):
            continue
        names.add(root)
        _add(_dependencies(root), names)


def _dependencies(name: str) -> list[str]:
    """Those without an extra; those of one platform or Python only are taken where they are tested here."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return []
    return [match[0] for line in lines if "extra ==" not in line and (match := NAME.match(line))]


def _tested() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {_plain(name): version.strip() for name, version in pairs}


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")


def download(folder: Path, python: str) -> int:
    """Every wheel into `folder`; the exit status of pip."""
    words = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    words += ["--python-version", python, "--implementation", "cp"]
    for platform in ("manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "linux_x86_64"):
        words += ["--platform", platform]
    return subprocess.run([*words, *needed()]).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu_wheels", description=__doc__)
    parser.add_argument("--folder", type=Path, help="download the wheels into it")
    parser.add_argument("--python", default="3.12", help="of the machine they are for")
    options = parser.parse_args()
    if options.folder:
        return download(options.folder, options.python)
    print("\n".join(needed()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
