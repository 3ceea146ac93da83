"""For examples of jobs: how a checkpoint would run on this machine, before it is loaded (`acestep-bridge doctor`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.checkpoints.int8 import is_available
from engine.checkpoints.registry import resolve as resolve_model
from engine.families.number_types import dtype_of
from engine.families.table import facts_of, sizes_of_checkpoint
from engine.memory.demand import work_of
from engine.memory.device import choose_device
from engine.memory.placement import free_bytes
from engine.memory.plan import choose_mode, expected_peak_bytes, modes_on
from engine.requests import Inpaint, Request, TextToAudio, resolve
from engine.requests.extent import SourceShape, extent_of

EXAMPLES: dict[str, tuple[Request, SourceShape | None]] = {
    "10 s region with 10 s context": (
        Inpaint(audio="song.wav", tags="x", start_time=60.0, end_time=70.0, context_seconds=10.0),
        SourceShape(240 * 48000, 2, 48000),
    ),
    "240 s of text-to-audio": (TextToAudio(tags="x", duration=240.0), None),
}


def memory_report(folder: Path, device: str = "auto") -> list[dict[str, Any]]:
    """For examples of jobs: the mode that would be chosen now, its expected peak, and the bytes that are there."""
    where = choose_device(device)
    sizes = sizes_of_checkpoint(folder, where, dtype_of(folder, resolve_model(str(folder)).size_bytes, where))
    room, facts = free_bytes(where), facts_of(folder)
    modes = tuple(mode for mode in modes_on(where.type) if not mode.int8 or is_available(where))
    report = []
    for name, (request, source) in EXAMPLES.items():
        resolved = resolve(request, facts.default_request)
        work = work_of(resolved, extent_of(resolved, facts.geometry, source))
        mode = choose_mode(sizes, work, room, modes)
        expected = expected_peak_bytes(sizes, work, mode)
        report.append({"job": name, "mode": mode.name, "expected_bytes": expected, "room_bytes": room})
    return report
