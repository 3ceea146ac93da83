"""The reference's 47 end-to-end runs through our tasks: its arguments to our settings, its noise, text and lyrics in.

`python -m tests.support.golden_runs` prints the table of run, error and limit.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.checkpoints.load import load_networks
from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.families.v1.conditioner import Conditioner, Words
from engine.sampling.conditions import ErgSettings
from engine.sampling.denoise import Plan, denoise
from engine.sampling.guidance import GuidanceSettings
from engine.sampling.noise import NoiseSource
from engine.tasks import audio_to_audio, inpaint, outpaint, retake, text_to_audio
from engine.tasks.inputs import Inputs
from engine.tasks.settings import EditRange, Settings
from tests.support.paths import GOLDEN

LIMIT = 1e-3
RUNS: dict[str, dict[str, Any]] = json.loads((GOLDEN / "e2e.json").read_text(encoding="utf-8"))["runs"]
MENDED = {
    "t2m_batch2": "items no longer move each other through the omega mean",
    "t2m_batch2_pingpong": "items no longer share the first one's noise",
    "repaint_heun": "Heun steps as Heun, not as Euler with empty steps",
    "repaint_pingpong": "ping-pong adds its noise instead of stepping as Euler",
    "extend_both": "the right side is as long as asked for",
    "edit_pingpong_remix": "the edited leg is walked instead of thrown away",
    "edit_pingpong_only": "the edited leg is walked instead of giving the source back",
}


@cache
def tensors() -> dict[str, Tensor]:
    return load_file(GOLDEN / "e2e.safetensors")


@cache
def networks() -> Networks:
    return load_networks(GOLDEN / "tiny_checkpoint")


@dataclass
class StoredNoise:
    """The reference's draws, in the order in which it made them; mended runs that need more get fresh ones."""

    draws: list[Tensor]
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.shape = tuple(self.draws[0].shape)

    @property
    def items(self) -> int:
        return self.shape[0]

    def draw(self, frames: int | None = None) -> Tensor:
        if not self.draws:
            shape = (*self.shape[:3], frames or self.shape[3])
            return torch.randn(shape, generator=torch.Generator().manual_seed(0))
        return self.draws.pop(0)


def settings_of(args: dict[str, Any]) -> Settings:
    double = args.get("guidance_scale_text", 0) > 1 and args.get("guidance_scale_lyric", 0) > 1
    return Settings(
        scheduler=args["scheduler_type"],
        number_of_steps=args["infer_step"],
        granularity_scale=args["omega_scale"],
        oss_steps=tuple(int(n) for n in args.get("oss_steps", "").split(",") if n),
        guidance=GuidanceSettings(
            kind=args["cfg_type"],
            scale=args["guidance_scale"],
            minimum_scale=args.get("min_guidance_scale", 3.0),
            interval=args.get("guidance_interval", 0.5),
            interval_decay=args.get("guidance_interval_decay", 0.0),
            double=double,
            tag_scale=args.get("guidance_scale_text", 0.0),
            lyric_scale=args.get("guidance_scale_lyric", 0.0),
        ),
        erg=ErgSettings(
            args.get("use_erg_tag", True), args.get("use_erg_lyric", True), args.get("use_erg_diffusion", True)
        ),
        variance=args.get("retake_variance", 0.5),
        strength=args.get("ref_audio_strength", 0.5),
        edit=EditRange(args.get("edit_n_min", 0.0), args.get("edit_n_max", 1.0), args.get("edit_n_avg", 1)),
    )


def words_of(name: str) -> tuple[Words, Words]:
    """Words of the run, and of its target where it is an edit."""
    args, tokens = RUNS[name]["args"], RUNS[name]["lyric_tokens"]
    source = Words(args["prompt"], tuple(tokens[0]) if tokens else ())
    target_prompt = args.get("edit_target_prompt", args["prompt"])
    has_target = args.get("edit_target_lyrics") != "" and len(tokens) > 1
    if "edit_target_lyrics" not in args:
        return source, Words(target_prompt, source.lyric_ids)
    return source, Words(target_prompt, tuple(tokens[1]) if has_target else ())


def conditioner_of(name: str, source: Words, target: Words, stored_text: bool) -> Conditioner:
    conditioner = Conditioner(networks().transformer, networks().text_encoder)
    if not stored_text:
        return conditioner
    kinds, keys = RUNS[name]["text_kinds"], RUNS[name]["text"]
    plain = [target.tags, source.tags]
    for kind, key in zip(kinds, keys, strict=True):
        if kind == "get_text_embeddings_null":
            conditioner.put_text_states(source.tags, tensors()[key][:1], weakened=True)
        else:
            conditioner.put_text_states(plain.pop(), tensors()[key][:1])
    return conditioner


def stored_noise(name: str) -> tuple[NoiseSource, NoiseSource]:
    """Noise and retake noise; a run with one of them only gets the same source twice."""
    draws = [tensors()[key] for _, _, key in RUNS[name]["noise"]]
    task = RUNS[name]["args"].get("task", "text2music")
    if task in ("retake", "repaint", "extend"):
        return StoredNoise([draws[0], *draws[2:]]), StoredNoise([draws[1]])
    both = StoredNoise(draws)
    return both, both


def plan_of(name: str, noises: tuple[NoiseSource, NoiseSource] | None = None, stored_text: bool = True) -> Plan:
    """The run's plan, made by our own task."""
    args = RUNS[name]["args"]
    source_words, target_words = words_of(name)
    task = args.get("task", "text2music")
    noise, retake_noise = noises or stored_noise(name)
    inputs = Inputs(
        settings_of(args),
        target_words if task == "edit" else source_words,
        conditioner_of(name, source_words, target_words, stored_text),
        noise,
        retake_noise,
        torch.device("cpu"),
    )
    latents = [tensors()[key] for key in RUNS[name]["src_latents"]]
    if task == "retake":
        return retake.prepare(inputs)
    if task == "repaint":
        return inpaint.prepare(inputs, inpaint.Region(latents[0], repaint_mask(args, latents[0].shape[-1])))
    if task == "extend":
        return outpaint.prepare(inputs, extension_of(args, latents[0]))
    if task == "edit":
        return audio_to_audio.prepare_edit(inputs, audio_to_audio.Original(latents[0], source_words))
    if args.get("audio2audio_enable"):
        return audio_to_audio.prepare_reference(inputs, latents[0])
    return text_to_audio.prepare(inputs)


def repaint_mask(args: dict[str, Any], frames: int) -> Tensor:
    mask = torch.zeros(frames, dtype=torch.bool)
    mask[V1_GEOMETRY.frames_of(args["repaint_start"]) : V1_GEOMETRY.frames_of(args["repaint_end"])] = True
    return mask


def extension_of(args: dict[str, Any], latents: Tensor) -> outpaint.Extension:
    known = latents.shape[-1]
    before, after = -V1_GEOMETRY.frames_of(args["repaint_start"]), V1_GEOMETRY.frames_of(args["repaint_end"]) - known
    after = max(after, 0)
    mask = torch.ones(before + known + after, dtype=torch.bool)
    mask[before : before + known] = False
    return outpaint.Extension(latents, before, after, mask)


def run(name: str, noises: tuple[NoiseSource, NoiseSource] | None = None, stored_text: bool = True) -> Tensor:
    """Our final latents, (B, 8, 16, T)."""
    with torch.inference_mode():
        return denoise(plan_of(name, noises, stored_text))


def wanted(name: str) -> Tensor:
    return tensors()[RUNS[name]["latents"]]


def error(got: Tensor, expected: Tensor) -> float:
    """Relative L2; infinite for another shape."""
    if got.shape != expected.shape:
        return float("inf")
    return float((got - expected).norm() / expected.norm())


def main() -> int:
    failed = 0
    print(f"{'run':28} {'error':>9} {'limit':>7}")
    for name in RUNS:
        value = error(run(name), wanted(name))
        verdict = "mended: " + MENDED[name] if name in MENDED else "ok" if value <= LIMIT else "FAILED"
        failed += verdict == "FAILED"
        print(f"{name:28} {value:9.2e} {LIMIT:7.0e}  {verdict}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
