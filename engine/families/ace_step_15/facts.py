"""What a checkpoint of ACE-Step 1.5 says before it is loaded: geometry and settings. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.checkpoints.ace_step_15.places import (
    REMEDY,
    TRANSFORMER_FOLDER,
    comfy_files,
    is_ace_step_15,
    is_diffusers,
    original_folders,
    read_header,
    the_only,
)
from engine.checkpoints.json_object import read_json
from engine.families.facts import USUAL_TASKS, Facts, Unread
from engine.geometry import Geometry
from engine.requests.types import TASKS

FAMILY = "ace_step_15"
RELEASED = Geometry(
    sample_rate=48000, samples_per_frame=1920, latent_shape=(64, 1), max_seconds=600.0, pieces_covered=True
)
DISTILLED = {"number_of_steps": 8, "shift": 3.0, "guidance_scale": 1.0}
GUIDED = {"number_of_steps": 50, "shift": 1.0, "guidance_scale": 7.0}
EVERY = {  # one guidance over the whole schedule, no granularity: what the references do
    "scheduler": "euler",
    "guidance_type": "apg",
    "guidance_interval": 1.0,
    "guidance_interval_decay": 0.0,
    "granularity_scale": 0.0,
    "strengths": {"remix": 1.0},
}
UNREAD = (
    Unread(("erg_tag", "erg_lyric", "erg_diffusion"), "ACE-Step 1.5 has no entropy-rectifying guidance"),
    Unread(("downbeat_time",), "the model reads tempo and meter, not where a bar begins"),
    Unread(("strength",), "edit_mode lyrics is a flow-edit of the whole source", lambda r: r.edit_mode == "lyrics"),
    Unread(
        ("edit_n_min", "edit_n_max", "edit_n_avg", "original_lyrics"),
        "only edit_mode lyrics is a flow-edit",
        lambda r: r.edit_mode != "lyrics",
    ),
)
UNGUIDED = (
    Unread(
        (
            "guidance_type",
            "guidance_scale",
            "minimum_guidance_scale",
            "guidance_interval",
            "guidance_interval_decay",
            "tag_guidance_scale",
            "lyric_guidance_scale",
        ),
        "this model works without guidance",
        lambda r: not (r.given >= {"guidance_scale"} and r.guidance_scale in (0.0, 1.0)),
    ),
)


def recognises(checkpoint: Path) -> bool:
    """Whether a folder or file is a checkpoint of this family."""
    return is_ace_step_15(checkpoint)


def facts_of(checkpoint: Path) -> Facts:
    """Geometry and defaults. Raises CheckpointError for configs that cannot be read, or several checkpoints in one."""
    place = place_of(checkpoint)
    config = _config(place)
    geometry = geometry_of(config.get("audio_acoustic_hidden_dim", 64), _autoencoder(place))
    return facts(geometry, config, place.name)


def facts(geometry: Geometry, config: Mapping[str, Any], name: str) -> Facts:
    """The facts of a checkpoint with this geometry, transformer's config and name."""
    version = f"{config.get('model_version') or ''} {name}".lower()
    is_base = not config.get("is_turbo") and "sft" not in version
    tasks = frozenset(TASKS) if is_base else USUAL_TASKS  # only base checkpoints are trained for single instruments
    if config.get("is_lego_sft"):  # and those that were trained on for adding one
        tasks |= {"lego"}
    unread = (*UNREAD, *UNGUIDED) if config.get("is_turbo") else UNREAD
    return Facts(
        FAMILY,
        geometry,
        default_request(config, name),
        has_lyric_vocabulary=False,
        tasks=tasks,
        halves=True,
        unread=unread,
    )


def place_of(checkpoint: Path) -> Path:
    """The folder or file that holds the checkpoint, where a folder around it was named."""
    if checkpoint.is_file() or is_diffusers(checkpoint):
        return checkpoint
    original, comfy = the_only(original_folders(checkpoint), checkpoint), the_only(comfy_files(checkpoint), checkpoint)
    return original or comfy or checkpoint


def geometry_of(channels: int, autoencoder: Mapping[str, Any]) -> Geometry:
    """The geometry of latents of so many channels and of an autoencoder's config."""
    strides = autoencoder.get("downsampling_ratios") or [RELEASED.samples_per_frame]
    rate = int(autoencoder.get("sampling_rate") or RELEASED.sample_rate)
    return replace(RELEASED, sample_rate=rate, samples_per_frame=math.prod(strides), latent_shape=(int(channels), 1))


def default_request(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Values of request fields for a checkpoint; `name` may say the shift that it was trained for (`-shift1`)."""
    chosen = {**EVERY, **(DISTILLED if config.get("is_turbo") else GUIDED)}
    match = re.search(r"shift(\d+)", f"{config.get('model_version') or ''} {name}")
    return {**chosen, "shift": float(match[1])} if match else chosen


def _config(place: Path) -> dict[str, Any]:
    """The transformer's config; of ComfyUI's files what their names and shapes say."""
    if place.is_dir():
        return read_json((place / TRANSFORMER_FOLDER if is_diffusers(place) else place) / "config.json", REMEDY)
    header = read_header(place)
    channels = header["decoder.proj_in.1.weight"]["shape"][1] // 3
    return {"audio_acoustic_hidden_dim": channels, "is_turbo": "turbo" in place.name.lower()}


def _autoencoder(place: Path) -> dict[str, Any]:
    """The autoencoder's config, in the checkpoint or beside it; empty where there is none."""
    around = (place, place.parent, place.parent.parent)
    path = next((p / "vae" / "config.json" for p in around if (p / "vae" / "config.json").is_file()), None)
    return read_json(path, REMEDY) if path else {}
