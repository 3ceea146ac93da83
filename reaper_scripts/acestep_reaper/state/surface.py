"""What a control surface sets (the daemon's `controls`), joined to a request. Knows no socket.

Only while the surface drives REAPER (`reaper` is set there), and never where a recipe is made again.
The range, the source and the tempo always come from the project.
"""

_EVERY = (
    "tags", "number_of_steps", "seed", "retake_seed", "scheduler", "guidance_type", "granularity_scale",
    "guidance_interval", "guidance_interval_decay", "guidance_scale", "minimum_guidance_scale",
    "tag_guidance_scale", "lyric_guidance_scale", "variations", "model", "key", "erg_tag", "erg_lyric",
    "erg_diffusion", "oss_steps", "shift", "language", "reference_audio",
)  # fmt: skip
_SEAM = (
    "lyrics", "context_seconds", "crossfade_seconds", "joint_search_seconds", "pin_joints", "match_tempo",
    "match_loudness", "match_tone", "reuse_latents", "candidates",
)  # fmt: skip
_OF_TASK = {
    "inpaint": _SEAM + ("variance",),
    "outpaint": _SEAM,
    "text-to-audio": ("lyrics",),
    "retake": ("lyrics", "variance"),
    "audio-to-audio": ("lyrics", "strength"),
    "prompt-to-audio": ("instrumental", "prompt"),
    "lego": ("lyrics", "context_seconds", "crossfade_seconds"),
    "extract": (),
    "complete": ("lyrics",),
}

NAMES = frozenset(_EVERY).union(*_OF_TASK.values())  # every control that can be a field here


def fields(values, task):
    """The fields of a request that the surface sets for a task."""
    return of_task(values, task) if values.get("reaper") else {}


def of_task(values, task):
    """Of some controls, those that a task's request has."""
    names = _EVERY + _OF_TASK.get(task, ())
    chosen = dict((name, values[name]) for name in names if values.get(name) is not None)
    if task == "prompt-to-audio":
        chosen.pop("tags", None)
    return chosen
