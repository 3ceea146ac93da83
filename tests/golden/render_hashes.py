"""A fixed set of renders as hashes, to tell whether a change moved a single bit of any result.

    python -m tests.golden.render_hashes record FILE     before a change that must change nothing
    python -m tests.golden.render_hashes check FILE      after it, on the same machine

Each render gives hashes of its samples, latents, recipe, report and written file; a request that is refused gives the
words of its error. Numbers are equal only on one kind of processor with the same libraries, so a record names them,
and is not kept in git.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

import engine
from engine.requests import from_dict

GOLDEN = Path(__file__).parent
MODELS = {"nano": "nano", "tiny": GOLDEN / "tiny_checkpoint"}
LYRICS = "[verse]\nthe morning light is on the wall\n[chorus]\nand we sing"
SEAM = {"task": "inpaint", "audio": "stereo", "start_time": 2.0, "end_time": 3.5, "context_seconds": 1.5}
EDIT = {"task": "audio-to-audio", "audio": "short", "original_tags": "folk, guitar"}
NEW = {"task": "text-to-audio", "duration": 2.0}

# Model and memory mode, then the fields; what `request_of` fills in is left out.
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    # text-to-audio: schedulers, guidance, lengths, rates, formats
    "t2a": ("tiny", "resident", {**NEW, "lyrics": LYRICS}),
    "t2a_heun": ("tiny", "resident", {**NEW, "scheduler": "heun"}),
    "t2a_pingpong": ("tiny", "resident", {**NEW, "scheduler": "pingpong"}),
    "t2a_cfg": ("tiny", "resident", {**NEW, "guidance_type": "cfg", "guidance_scale": 7.0}),
    "t2a_cfg_star": ("tiny", "resident", {**NEW, "guidance_type": "cfg_star", "guidance_scale": 7.0}),
    "t2a_apg_decay": ("tiny", "resident", {**NEW, "guidance_type": "apg", "guidance_interval_decay": 0.7}),
    "t2a_double": (
        "tiny",
        "resident",
        {**NEW, "lyrics": LYRICS, "tag_guidance_scale": 4.0, "lyric_guidance_scale": 2.0},
    ),
    "t2a_unguided": ("tiny", "resident", {**NEW, "guidance_type": "cfg", "guidance_scale": 1.0}),
    "t2a_no_erg": (
        "tiny",
        "resident",
        {**NEW, "lyrics": LYRICS, "erg_tag": False, "erg_lyric": False, "erg_diffusion": False},
    ),
    "t2a_oss": ("tiny", "resident", {**NEW, "oss_steps": [1, 3, 4, 6]}),
    "t2a_granularity": ("tiny", "resident", {**NEW, "granularity_scale": -20.0}),
    "t2a_variations": ("tiny", "tiled", {**NEW, "variations": 3}),
    "t2a_offloaded": ("tiny", "offloaded", {**NEW, "variations": 2, "lyrics": LYRICS}),
    "t2a_chinese": ("tiny", "resident", {**NEW, "lyrics": "[verse]\n月亮代表我的心", "language": "zh"}),
    "t2a_shortest": ("tiny", "resident", {**NEW, "duration": 0.1}),
    "t2a_long": ("tiny", "tiled", {**NEW, "duration": 14.3, "number_of_steps": 2}),
    "t2a_44100_mp3": ("tiny", "resident", {**NEW, "sample_rate": 44100, "format": "mp3"}),
    "t2a_ogg": ("tiny", "resident", {**NEW, "format": "ogg"}),
    "t2a_flac_16": ("tiny", "resident", {**NEW, "format": "flac", "bit_depth": "16"}),
    "t2a_key_tempo": ("tiny", "resident", {**NEW, "tags": "house", "key": "A minor", "tempo": 120.0, "meter": "3/4"}),
    "p2a": ("tiny", "resident", {"task": "prompt-to-audio", "prompt": "calm piano at 90 bpm", "duration": 1.5}),
    "p2a_sung": (
        "nano",
        "resident",
        {"task": "prompt-to-audio", "prompt": "happy funk in A minor, drums", "duration": 2.5},
    ),
    # retake
    "retake": (
        "tiny",
        "resident",
        {"task": "retake", "duration": 2.0, "variance": 0.3, "lyrics": LYRICS, "retake_seed": 3},
    ),
    "retake_seeds": (
        "tiny",
        "tiled",
        {"task": "retake", "duration": 1.5, "variations": 2, "candidates": 2, "retake_seed": 5},
    ),
    "retake_heun": (
        "nano",
        "resident",
        {"task": "retake", "duration": 2.0, "variance": 0.9, "scheduler": "heun", "retake_seed": 4},
    ),
    # inpaint: windows, sources, candidates, formats
    "inpaint": ("tiny", "resident", {**SEAM}),
    "inpaint_heun": ("tiny", "resident", {**SEAM, "scheduler": "heun", "variance": 0.8}),
    "inpaint_pingpong": ("tiny", "resident", {**SEAM, "scheduler": "pingpong", "variance": 1.0}),
    "inpaint_nothing": ("tiny", "resident", {**SEAM, "variance": 0.0}),
    "inpaint_parity": ("tiny", "resident", {**SEAM, "context_seconds": None}),
    "inpaint_from_end": (
        "tiny",
        "resident",
        {**SEAM, "start_time": 4.0, "start_time_relative_to": "end", "end_time": 1.0, "end_time_relative_to": "end"},
    ),
    "inpaint_no_end": ("tiny", "resident", {"task": "inpaint", "audio": "mono", "start_time": 1.0}),
    "inpaint_candidates": ("tiny", "tiled", {**SEAM, "variations": 2, "candidates": 2, "output": "clip"}),
    "inpaint_sung": (
        "tiny",
        "resident",
        {**SEAM, "lyrics": LYRICS, "context_lyrics_before": "before", "context_lyrics_after": "after"},
    ),
    "inpaint_file": ("tiny", "resident", {**SEAM, "audio": "wav24", "match_loudness": False, "crossfade_seconds": 0.1}),
    "inpaint_flac": ("tiny", "resident", {**SEAM, "audio": "flac16", "format": "flac"}),
    "inpaint_float": ("tiny", "resident", {**SEAM, "audio": "float32", "bit_depth": "16"}),
    "inpaint_channels": ("tiny", "resident", {**SEAM, "audio": "four", "channels": [2, 4]}),
    "inpaint_resampled": ("tiny", "resident", {**SEAM, "audio": "wav24", "sample_rate": 44100}),
    "inpaint_nano": ("nano", "resident", {**SEAM}),
    "inpaint_nano_stem": ("nano", "resident", {**SEAM, "tags": "bass", "audio": "wav24", "output": "clip"}),
    "inpaint_nano_map": (
        "nano",
        "resident",
        {
            **SEAM,
            "tempo_map": [{"time": 0.0, "bpm": 100.0}, {"time": 2.4, "bpm": 120.0, "numerator": 3, "bar_phase": 0.5}],
        },
    ),
    # outpaint
    "outpaint_after": ("tiny", "resident", {"task": "outpaint", "audio": "stereo", "extend_after_duration": 1.5}),
    "outpaint_both": (
        "tiny",
        "resident",
        {"task": "outpaint", "audio": "stereo", "extend_before_duration": 1.0, "extend_after_duration": 2.0},
    ),
    "outpaint_two_windows": (
        "tiny",
        "resident",
        {
            "task": "outpaint",
            "audio": "wav24",
            "extend_before_duration": 1.0,
            "extend_after_duration": 0.7,
            "context_seconds": 1.0,
            "candidates": 2,
        },
    ),
    "outpaint_parity": (
        "tiny",
        "resident",
        {
            "task": "outpaint",
            "audio": "mono",
            "extend_before_duration": 1.0,
            "extend_after_duration": 1.0,
            "context_seconds": None,
        },
    ),
    "outpaint_nano": (
        "nano",
        "resident",
        {
            "task": "outpaint",
            "audio": "stereo",
            "extend_after_duration": 1.0,
            "scheduler": "pingpong",
            "output": "clip",
        },
    ),
    # audio-to-audio
    "remix": ("tiny", "resident", {**EDIT}),
    "remix_heun": ("tiny", "resident", {**EDIT, "scheduler": "heun", "number_of_steps": 6, "edit_n_avg": 2}),
    "remix_pingpong": ("tiny", "resident", {**EDIT, "scheduler": "pingpong", "number_of_steps": 6}),
    "lyrics": ("tiny", "resident", {**EDIT, "edit_mode": "lyrics", "lyrics": LYRICS, "original_lyrics": "hello again"}),
    "reference": ("tiny", "resident", {**EDIT, "edit_mode": "reference", "strength": 0.4, "audio": "mono"}),
    "reference_whole": ("tiny", "resident", {**EDIT, "edit_mode": "reference", "strength": 1.0}),
    "remix_nano": ("nano", "resident", {**EDIT, "number_of_steps": 8, "sample_rate": 44100}),
    "lyrics_nano": ("nano", "resident", {**EDIT, "edit_mode": "lyrics", "lyrics": "la la"}),
    # nano's own defaults, grids and words
    "nano": ("nano", "resident", {"task": "text-to-audio", "duration": 4.0, "tags": "funk, 110 bpm, drums, bass"}),
    "nano_long": (
        "nano",
        "tiled",
        {"task": "text-to-audio", "duration": 20.0, "key": "C major", "tempo": 90.0, "number_of_steps": 2},
    ),
    # refused
    "no_region": ("tiny", "resident", {**SEAM, "start_time": 3.0, "end_time": 3.0}),
    "beyond": ("tiny", "resident", {**SEAM, "end_time": 99.0}),
    "outpaint_parity_short": (
        "tiny",
        "resident",
        {"task": "outpaint", "audio": "stereo", "extend_after_duration": 0.01, "context_seconds": None},
    ),
    "heun_oss": ("tiny", "resident", {**NEW, "scheduler": "heun", "oss_steps": [1, 2]}),
    "edit_range": ("tiny", "resident", {**EDIT, "edit_n_min": 0.9, "edit_n_max": 0.1}),
    "no_such_channels": ("tiny", "resident", {**SEAM, "audio": "four", "channels": [2, 7]}),
    "too_many": ("tiny", "resident", {**SEAM, "audio": "hour", "output": "full", "variations": 16, "candidates": 16}),
}


def tones(seconds: float, rate: int, channels: int) -> np.ndarray:
    """Chords with a beat, float32 (channels, n), the same every time."""
    t = np.arange(round(seconds * rate)) / rate
    beat = np.exp(-6.0 * (t * 2.0 % 1.0))
    rng = np.random.default_rng(3)
    pitches = [220.0 * (1 + 0.25 * channel) for channel in range(channels)]
    parts = [beat * (0.3 * np.sin(2 * np.pi * f * t) + 0.05 * rng.standard_normal(t.size)) for f in pitches]
    return np.stack(parts).astype(np.float32)


@cache
def sources(folder: Path) -> dict[str, Any]:
    """Audio by the names that `CASES` uses: in memory, and as files in `folder`."""
    written = {
        "wav24": ("wav24.wav", 48000, 2, "PCM_24"),
        "flac16": ("flac16.flac", 44100, 2, "PCM_16"),
        "float32": ("float32.wav", 32000, 1, "FLOAT"),
        "four": ("four.wav", 48000, 4, "PCM_16"),
    }
    for name, rate, channels, subtype in written.values():
        soundfile.write(folder / name, tones(5.0, rate, channels).T, rate, subtype=subtype)
    soundfile.write(folder / "hour.wav", np.zeros((3600 * 8000, 1), np.int16), 8000, subtype="PCM_16")
    return {name: str(folder / file) for name, (file, *_) in written.items()} | {
        "hour": str(folder / "hour.wav"),
        "stereo": engine.Audio(tones(5.0, 44100, 2), 44100),
        "mono": engine.Audio(tones(4.0, 48000, 1), 48000),
        "short": engine.Audio(tones(2.5, 44100, 2), 44100),
    }


@cache
def model(name: str, memory: str) -> engine.Model:
    """A model in a mode that does not depend on what memory is free."""
    return engine.load(MODELS[name], device="cpu", memory=memory, speed="plain")


def request_of(fields: dict[str, Any], folder: Path) -> engine.Request:
    """The request of a case, with tags, seed and few steps where it gives none."""
    values: dict[str, Any] = {"seed": 11, "number_of_steps": 3, **fields}
    if values["task"] != "prompt-to-audio":
        values.setdefault("tags", "house, 124 bpm, drums")
    if "audio" in values:
        values["audio"] = sources(folder)[values["audio"]]
    return from_dict(values)


def digest(data: bytes) -> str:
    """The first 16 digits of a SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def hashes_of(result: engine.Render, folder: Path) -> dict[str, Any]:
    """What must stay as it is of one result."""
    report = {name: value for name, value in result.report.items() if name != "recipe"}
    path = result.write(folder / f"result.{result.report['request'].get('format', 'wav')}")
    return {
        "samples": [list(result.audio.shape), result.sample_rate, digest(result.audio.tobytes())],
        "latents": [list(result.latents.shape), digest(result.latents.tobytes())],
        "recipe": digest(json.dumps(result.report["recipe"], sort_keys=True).encode()),
        "report": digest(json.dumps(report, sort_keys=True).encode()),
        "file": digest(path.read_bytes()),
        "stages": sorted(result.timings),
        "place": [result.variation, result.candidate, result.kept],
    }


def run(name: str, folder: Path) -> Any:
    """The hashes of every result of a case, or the words of its error; and what progress was told."""
    chosen, memory, fields = CASES[name]
    told: list[tuple[str, int, int]] = []
    try:
        results = model(chosen, memory).render_all(
            request_of(fields, folder), on_step=lambda p: told.append((p.stage, p.step, p.steps))
        )
    except engine.InvalidRequest as error:
        words = str(error)
        return {"refused": words if name != "too_many" else words.split(",")[0]}  # the rest says what memory is free
    return {"results": [hashes_of(result, folder) for result in results], "progress": digest(json.dumps(told).encode())}


def record() -> dict[str, Any]:
    """Every case, and what the numbers depend on."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        cases = {name: run(name, Path(folder)) for name in CASES}
    return {"machine": machine(), "cases": cases}


def machine() -> dict[str, str]:
    """The processor and the libraries."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu)
    vocabulary = "with" if os.environ.get("ACESTEP_LYRIC_VOCAB") else "without"
    return {"processor": cpu, "torch": torch.__version__, "numpy": np.__version__, "lyric vocabulary": vocabulary}


def differences(before: Any, after: Any, where: str = "") -> list[str]:
    """The places where two records differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(n for n in after if n not in before)]
        return [d for n in names for d in differences(before.get(n), after.get(n), f"{where}/{n}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            d for i, (b, a) in enumerate(zip(before, after, strict=True)) for d in differences(b, a, f"{where}/{i}")
        ]
    return [] if before == after else [f"{where}: {before} before, {after} now"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("record", "check"))
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    now = json.loads(json.dumps(record()))
    if given.what == "record":
        given.file.write_text(json.dumps(now, indent=1), encoding="utf-8")
        print(f"{len(now['cases'])} renders recorded on {now['machine']['processor']}")
        return 0
    found = differences(json.loads(given.file.read_text(encoding="utf-8")), now)
    print("\n".join(found) or f"{len(now['cases'])} renders, bit for bit as recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
