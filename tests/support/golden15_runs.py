"""The reference's end-to-end runs of ACE-Step 1.5 through our words, networks and sampler: its arguments, its noise in.

`python -m tests.support.golden15_runs` prints the table of run, errors and limit. `ACESTEP_GOLDENS15` names another
folder of the same form, tensors and tiny checkpoints both.

Pipeline runs are of diffusers' pipeline; `official` ones of the original's sampler, whose arguments are in their names
and notes. What only the original does (fewer restored steps with a blend, guidance by noise level, a plainly guided
second evaluation) is written out here, on our own parts.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.checkpoints.ace_step_15.load import load_networks
from engine.checkpoints.ace_step_15.parts import Networks
from engine.families.ace_step_15 import known, prompt
from engine.families.ace_step_15.conditioner import Conditioner
from engine.families.ace_step_15.levels import Shifted
from engine.families.ace_step_15.predictor import ContextPredictor
from engine.families.ace_step_15.prompt import Metas, Prompt
from engine.families.family import Timbre
from engine.sampling.denoise import Kept, Leg, Plan, denoise, noised
from engine.sampling.guidance import GuidanceSettings, Guide, Pass
from engine.sampling.schedulers import make_stepper
from engine.sampling.schedules import Stage, get_schedule
from engine.sampling.velocities import GuidedVelocity

OURS = Path(__file__).parents[1] / "golden15"
GOLDEN15 = Path(os.environ.get("ACESTEP_GOLDENS15") or OURS)
META: dict[str, Any] = json.loads((GOLDEN15 / "e2e.json").read_text(encoding="utf-8"))
RUNS: dict[str, dict[str, Any]] = META["runs"]
LIMIT, MODULE_LIMIT = 1e-4, 1e-5
NAMES = {which: which for which in Pass}
LIKE = {  # the pipeline run whose words, region and guidance an official one shares
    "repaint": "repaint_base",
    "heun": "repaint_base",
    "interval": "repaint_base",
    "cover": "cover_base",
}


def blends(name: str) -> bool:
    """Whether a run averages two velocities by cover strength: mended, ours switches as the original does."""
    return RUNS[name].get("args", {}).get("audio_cover_strength", 1.0) < 1.0


@cache
def tensors(name: str = "e2e") -> dict[str, Tensor]:
    return load_file(GOLDEN15 / f"{name}.safetensors")


@cache
def networks(checkpoint: str) -> Networks:
    return load_networks(GOLDEN15 / "tiny_checkpoint" / checkpoint)


@cache
def conditioner(checkpoint: str) -> Conditioner:
    return Conditioner(networks(checkpoint))


def stored(name: str, what: str) -> Tensor:
    """A run's tensor as ours are: (B, C, 1, T)."""
    return tensors()[f"{name}.{what}"].transpose(1, 2)[:, :, None]


@cache
def latents_of(checkpoint: str, source: str) -> Tensor:
    """The mean of a source's whole frames, as the goldens cut it."""
    with torch.inference_mode():
        return networks(checkpoint).autoencoder.posterior(audio_of(source)[None])[0][:, :, None]


@cache
def audio_of(source: str) -> Tensor:
    seconds, rate, kind = META["sources"][source]
    audio: Tensor = _reader().synth_audio(seconds, rate, kind)
    return audio


@cache
def clip_of(checkpoint: str, source: str) -> Timbre:
    autoencoder = networks(checkpoint).autoencoder
    audio = audio_of(source)
    spans = known.clip_parts(audio.shape[-1], autoencoder.sample_rate)
    samples = torch.cat([audio[:, start:stop] for start, stop in spans], dim=-1)
    with torch.inference_mode():
        return Timbre(autoencoder.posterior(samples[None])[0][:, :, None], source)


@cache
def _reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("read_goldens15", OURS / "read_goldens.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class StoredNoise:
    """Draws in the order in which the reference made them; the last step's, which counts nothing, is made up."""

    draws: list[Tensor]
    items: int = 1

    def draw(self, frames: int | None = None) -> Tensor:
        return self.draws.pop(0) if self.draws else torch.zeros(1, 1, 1, frames or 1)


@dataclass
class LevelGuide(Guide):
    """Guides where the noise level is in a range, as the references count intervals."""

    levels: tuple[float, ...] = ()
    between: tuple[float, float] = (0.0, 1.0)

    def scale(self, index: int) -> float | None:
        low, high = self.between
        return super().scale(index) if low <= self.levels[index] <= high else None


@dataclass
class OriginalHeun(GuidedVelocity):
    """The original's second evaluation of a Heun step is guided by plain CFG."""

    corrector: Guide = field(default_factory=lambda: Guide(GuidanceSettings(), 1))

    def at(self, state: Tensor, stage: Stage) -> Tensor:
        guide = self.corrector if stage.corrects else self.guide
        return GuidedVelocity(self.predictor, guide, self.names).at(state, stage)


# What a run says


def task_of(args: dict[str, Any]) -> str:
    return "codes" if "audio_codes" in args else str(args.get("task_type", "text2music"))


def instruction_of(args: dict[str, Any]) -> str:
    task = task_of(args)
    if task == "extract":
        return prompt.extract_instruction(args.get("track_name"))
    if task == "lego":
        return prompt.lego_instruction(args.get("track_name"))
    if task == "complete":
        return prompt.complete_instruction(args.get("complete_track_classes", ()))
    return {"text2music": prompt.TEXT_TO_MUSIC, "repaint": prompt.REPAINT}.get(task, prompt.COVER)


def prompt_of(args: dict[str, Any], caption: str) -> Prompt:
    """Our words for a run's arguments."""
    known_of_music = (args.get(name) for name in ("bpm", "timesignature", "keyscale"))
    metas = Metas(args.get("audio_duration", 60.0), *known_of_music)
    text = prompt.text_of(instruction_of(args), caption, metas)
    return Prompt(text, prompt.lyrics_of(args.get("lyrics", ""), args.get("vocal_language", "en")))


def stored_prompt(name: str, number: int = 0) -> Prompt:
    texts = RUNS[name]["texts"][number]
    return Prompt(texts["text"], texts["lyrics"])


def levels_of(name: str) -> np.ndarray:
    args = RUNS[name].get("args")
    if args is None:
        return np.asarray(RUNS[name]["timesteps"], dtype=np.float32)
    if "timesteps" in args:
        return np.asarray(args["timesteps"], dtype=np.float32)
    return Shifted(args.get("shift", 3.0)).sigmas(args.get("num_inference_steps", 8))


def known_of(name: str) -> Tensor:
    """Source and mask of a pipeline run, from its arguments."""
    run, args = RUNS[name], RUNS[name]["args"]
    model, task = networks(run["checkpoint"]), task_of(RUNS[name]["args"])
    rate = model.autoencoder.frame_rate
    if task in ("text2music", "codes"):
        frames = math.ceil(args.get("audio_duration", 60.0) * rate)
        if task == "text2music":
            return known.known_of(known.silence_of(model.silence, frames))
        codes = torch.tensor([[int(n) for n in re.findall(r"audio_code_(\d+)", args["audio_codes"])]])
        return known.known_of(known.padded_source(model.audio_tokens.of_codes(codes), model.silence, frames))
    source = latents_of(run["checkpoint"], args["src_audio"])
    if task == "cover":
        return known.known_of(model.audio_tokens.through(source, model.silence))
    if "repainting_start" not in args:
        return known.known_of(source)
    mask = known.region_mask(source.shape[-1], args["repainting_start"], args.get("repainting_end"), rate)
    made = known.repaint_source(source, model.silence, mask) if task == "repaint" else source
    return known.known_of(made, mask)


def guidance_of(name: str) -> GuidanceSettings:
    run = RUNS[name]
    scale = float(run.get("args", {}).get("guidance_scale", 7.0))
    off = networks(run["checkpoint"]).config.is_turbo or scale <= 1.0
    return GuidanceSettings("apg", 1.0 if off else scale, interval=1.0)


def context_of(name: str, number: int = 0) -> Tensor:
    run = RUNS[name]
    reference = run.get("args", {}).get("reference_audio")
    clip = clip_of(run["checkpoint"], reference) if reference else None
    with torch.inference_mode():
        return conditioner(run["checkpoint"]).context(stored_prompt(name, number), clip)


# Runs


def velocity_of(name: str, guide: Guide, seen: Tensor, number: int = 0) -> GuidedVelocity:
    checkpoint = RUNS[name]["checkpoint"]
    contexts = {Pass.CONDITIONAL: context_of(name, number)}
    if guide.settings.is_on:
        contexts[Pass.UNCONDITIONAL] = conditioner(checkpoint).null()
    predictor = ContextPredictor(networks(checkpoint).transformer, contexts, lambda _: seen)
    return GuidedVelocity(predictor, guide, dict(NAMES))


def guide_of(name: str) -> Guide:
    levels, settings = levels_of(name), guidance_of(name)
    args = RUNS[name].get("args", {})
    between = (1.0 - args.get("cfg_interval_end", 1.0), 1.0 - args.get("cfg_interval_start", 0.0))
    return LevelGuide(settings, len(levels), levels=tuple(map(float, levels)), between=between)


def pipeline_run(name: str) -> Tensor:
    """Our final latents of a pipeline run, (1, C, 1, T)."""
    noise = stored(name, "noise")
    velocity = velocity_of(name, guide_of(name), known_of(name))
    leg = Leg(get_schedule(levels_of(name)), velocity, make_stepper("euler", StoredNoise([])))
    return denoise(Plan(noise, (leg,)))


def official_run(name: str) -> Tensor:
    """Our final latents of a run of the original's sampler."""
    run = RUNS[name] = {**RUNS[name], "args": like_args(name)}
    levels, kind = np.asarray(run["timesteps"], dtype=np.float32), name.removeprefix("official_")
    scheduler = "heun" if kind.startswith("heun") else "pingpong" if kind.startswith("sde") else "euler"
    stages = get_schedule(levels, scheduler == "heun")
    noise, seen = stored(name, "noise"), official_known(name)
    draws = [stored(name, f"draw{n}") for n in range(len(levels)) if f"{name}.draw{n}" in tensors()]
    stepper = make_stepper(scheduler, StoredNoise(draws))
    velocity = official_velocity(name, stages, seen)
    if kind == "cover_switch":
        turn = int(len(stages) * 0.4)
        rest = velocity_of(name, velocity.guide, stored(name, "context2"), 1)
        return denoise(Plan(noise, (Leg(stages[:turn], velocity, stepper), Leg(stages[turn:], rest, stepper))))
    if kind == "cover_noise":
        first = int(np.abs(levels - 0.7).argmin())
        start = noised(latents_of(run["checkpoint"], "six"), noise, float(levels[first]))
        return denoise(Plan(start, (Leg(stages[first:], velocity, stepper),)))
    if not kind.startswith("repaint"):
        return denoise(Plan(noise, (Leg(stages, velocity, stepper),)))
    source, mask = latents_of(run["checkpoint"], "six"), mask_of(name)
    kept = Kept(mask[None, None, None], source, noise)
    held = round(0.5 * len(stages)) if kind == "repaint_half" else len(stages)
    state = denoise(Plan(noise, (Leg(stages[:held], velocity, stepper),), kept))
    if held == len(stages):
        return state
    state = denoise(Plan(state, (Leg(stages[held:], velocity, stepper),)))
    return blended(state, source, mask, round(25 * 0.5))


def like_args(name: str) -> dict[str, Any]:
    """Arguments of the pipeline run that an official one is like."""
    kind = name.removeprefix("official_").split("_")[0]
    return dict(RUNS[LIKE.get(kind, "repaint_base")]["args"])


def official_velocity(name: str, stages: tuple[Stage, ...], seen: Tensor) -> GuidedVelocity:
    settings = guidance_of(name)
    guide: Guide = Guide(settings, len(stages))
    if "interval" in name:
        levels = tuple(stage.sigma for stage in stages)
        guide = LevelGuide(settings, len(stages), levels=levels, between=(0.3, 0.9))
    velocity = velocity_of(name, guide, seen)
    if not name.startswith("official_heun"):
        return velocity
    plain = Guide(GuidanceSettings("cfg", settings.scale, interval=1.0), len(stages))
    return OriginalHeun(velocity.predictor, guide, dict(NAMES), corrector=plain)


def mask_of(name: str) -> Tensor:
    context = tensors()[f"{name}.context"]
    return context[0, :, context.shape[-1] // 2] > 0.5


def official_known(name: str) -> Tensor:
    """Source and mask of an official run, of our own making but for where the region is."""
    model = networks(RUNS[name]["checkpoint"])
    source = latents_of(RUNS[name]["checkpoint"], "six")
    if name == "official_cover_nofsq":
        return known.known_of(source)
    if "cover" in name:
        return known.known_of(model.audio_tokens.through(source, model.silence))
    return known.known_of(known.repaint_source(source, model.silence, mask_of(name)), mask_of(name))


def blended(made: Tensor, source: Tensor, mask: Tensor, frames: int) -> Tensor:
    """The original's fade of latents to the source, linear over `frames` outside each border of the mask (T,)."""
    places = mask.nonzero()[:, 0].float()
    distance = (torch.arange(mask.shape[0])[:, None] - places).abs().amin(dim=1)
    share = (1 - distance / (frames + 1)).clamp_min(0)
    return share * made + (1 - share) * source


def run(name: str) -> Tensor:
    with torch.inference_mode():
        return official_run(name) if RUNS[name]["kind"] == "official" else pipeline_run(name)


def error(got: Tensor, expected: Tensor) -> float:
    """Relative L2; infinite for another shape."""
    if got.shape != expected.shape:
        return float("inf")
    return float((got.double() - expected.double()).norm() / expected.double().norm())


def parts_errors(name: str) -> dict[str, float]:
    """Errors of the context and of source and mask."""
    seen = official_known(name) if RUNS[name]["kind"] == "official" else known_of(name)
    context = tensors()[f"{name}.cond"]
    with torch.inference_mode():
        return {"context": error(context_of(name), context), "known": error(seen, stored(name, "context"))}


def main() -> int:
    failed = 0
    print(f"{'run':28} {'context':>9} {'known':>9} {'latents':>9} {'limit':>7}")
    for name in RUNS:
        value, parts = error(run(name), stored(name, "latents")), parts_errors(name)
        good = value <= LIMIT and max(parts.values()) <= LIMIT
        verdict = "mended: switches as the original does" if blends(name) else "ok" if good else "FAILED"
        failed += verdict == "FAILED"
        print(
            f"{name:28} {parts['context']:9.2e} {parts['known']:9.2e} {value:9.2e} {LIMIT:7.0e}  {verdict}", flush=True
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
