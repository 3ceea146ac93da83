"""Peak memory of each mode, whole process, each in a process of its own: `python -m tests.bench memory`; `memory-xl` of
ACE-Step 1.5 XL at real size, with random weights (11.5 GB on disk, in `ACESTEP_BENCH15` where that names a folder).

On a CPU, device and main memory are the same, so offloading shows only what smaller batches and tiles win. The figure
is the highest resident size while rendering, less what the interpreter and its libraries take before the model is
loaded. Beside it stand the estimate that the engine chooses modes by, and the part that is anonymous: weights that stay
mapped from their file count as resident too, but the system can take those pages back.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bridge.daemon.engine import GENTLE
from tests.bench.figures import Figure

SECONDS, VARIATIONS, STEPS = 12.0, 3, 2
SMALL_DECODER = {
    "autoencoder": {
        "encoder_block_out_channels": [16, 32, 64, 128],
        "decoder_block_out_channels": [16, 32, 64, 128],
    },
    "vocoder": {"dims": [32, 48, 64, 96], "num_mels": 96, "upsample_initial_channel": 128},
}


def memory(threads: int) -> list[Figure]:
    """Every mode on a checkpoint of random weights with a middle-sized transformer and a small decoder."""
    from engine.memory.plan import MODES
    from tests.bench.checkpoints import MIDDLE, write_checkpoint

    with tempfile.TemporaryDirectory() as name:
        folder = write_checkpoint(Path(name), replace(MIDDLE, **SMALL_DECODER))
        return [_figure("memory", "peak memory", folder, mode.name, threads) for mode in MODES]


def memory_xl(threads: int) -> list[Figure]:
    """The modes that differ on a processor. Rounding to 8 bits reads the whole file: its pages can be taken back."""
    from tests.bench.ace_step_15 import checkpoint

    with checkpoint("xl", size="xl") as folder:
        modes = ("resident", "tiled", "int8")
        return [_figure("xl_memory", "peak memory of XL", folder, mode, threads) for mode in modes]


def _figure(key: str, what: str, folder: Path, mode: str, threads: int) -> Figure:
    told = _measure(folder, mode, threads)
    line = f"  {mode}: {told['peak'] / 1e6:.0f} MB, {told['expected'] / 1e6:.0f} expected, "
    print(f"{line}{told['anonymous'] / 1e6:.0f} anonymous", flush=True)
    how = f"text-to-audio, {VARIATIONS} x {SECONDS:g} s, CPU; {told['expected'] / 1e6:.0f} MB expected, "
    how += f"{told['anonymous'] / 1e6:.0f} MB not mapped from a file"
    name = f"{key}_{mode.replace('-', '_')}_mb"
    return Figure(name, f"{what}, {mode}", told["peak"] / 1e6, "MB", "", how)


def _measure(folder: Path, mode: str, threads: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.memory", str(folder), mode, str(threads)]
    environment = {**GENTLE, **os.environ}  # as the daemon starts its engine
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def one_mode(folder: str, mode: str, threads: int) -> dict[str, float]:
    """Load, render, and tell the peak: in a fresh process."""
    import torch

    import engine
    from engine.checkpoints.registry import resolve as resolve_model
    from engine.families.table import facts_of, sizes_of_checkpoint
    from engine.memory.demand import work_of
    from engine.memory.main_memory import give_back
    from engine.memory.plan import expected_peak_bytes, mode_named, modes_on
    from engine.requests import resolve
    from engine.requests.extent import extent_of

    torch.set_num_threads(threads)
    engine.load("nano", device="cpu")  # libraries are imported and warm
    request = engine.TextToAudio(
        tags="house", lyrics="[inst]", duration=SECONDS, variations=VARIATIONS, number_of_steps=STEPS, seed=1
    )
    give_back()
    before, mapped = _status("VmRSS"), _status("RssFile")
    model = engine.load(folder, device="cpu", memory=mode)
    path = resolve_model(folder).folder
    facts = facts_of(path)
    resolved = resolve(request, facts.default_request)
    work = work_of(resolved, extent_of(resolved, facts.geometry))
    sizes = sizes_of_checkpoint(path, model.device, model.networks.dtype)
    expected = expected_peak_bytes(sizes, work, mode_named(mode, modes_on("cpu")))
    _forget_peak()
    model.render_all(request)
    peak = _peak() - before
    return {"peak": peak, "expected": expected, "anonymous": peak - (_status("RssFile") - mapped)}


def _status(name: str) -> int:
    """A line of Linux's account of this process, in bytes."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1]) * 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def _peak() -> int:
    return _status("VmHWM")


BENCHES = {"memory": memory, "memory-xl": memory_xl}

if __name__ == "__main__":
    print(json.dumps(one_mode(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
