"""What a checkpoint of v1 says before it is loaded. Knows the folders' names; no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.constants import V1_GEOMETRY
from engine.errors import CheckpointError
from engine.families.facts import Facts, Unread

CONFIG = Path("ace_step_transformer", "config.json")
REFUSED = {"reference_audio": "ACE-Step v1 and nano read no clip for its timbre; ACE-Step 1.5 does"}
UNREAD = (
    Unread(("shift",), "the model's noise levels are fixed"),
    Unread(
        ("strength",), "only edit_mode reference starts from the noised source", lambda r: r.edit_mode != "reference"
    ),
    Unread(
        ("edit_n_min", "edit_n_max", "edit_n_avg", "original_lyrics"),
        "edit_mode reference is no flow-edit",
        lambda r: r.edit_mode == "reference",
    ),
)
SUNG = (Unread(("meter", "downbeat_time"), "the model reads a tempo, no bars"),)
GRID = (Unread(("language",), "the model does not sing"),)
WEAKENED = {"erg_tag": "text", "erg_lyric": "lyric", "erg_diffusion": "transformer"}  # fields by layers of the config


def facts_of(checkpoint: Path) -> Facts:
    """Geometry, and the defaults that its config gives. Raises CheckpointError for a config that cannot be read."""
    return facts(_config(checkpoint))


def facts(config: Mapping[str, Any]) -> Facts:
    """The facts of a checkpoint with this transformer's config."""
    sings = config.get("lyric_input", "lyrics") == "lyrics"
    unread = (*UNREAD, *(SUNG if sings else GRID), *_without_layers(config))
    return Facts("v1", V1_GEOMETRY, config.get("default_request") or {}, unread=unread, refused=REFUSED)


def _without_layers(config: Mapping[str, Any]) -> tuple[Unread, ...]:
    """Parts of entropy-rectifying guidance that have no layers; a config that does not say has the released ones."""
    if "erg" not in config:
        return ()
    given = config["erg"] or {}
    missing = tuple(name for name, layers in WEAKENED.items() if not given.get(layers))
    return (Unread(missing, "the model has no layers for entropy-rectifying guidance"),) if missing else ()


def _config(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / CONFIG
    if not path.is_file():
        return {}
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read as JSON ({error}). Get the checkpoint again.") from error
    return config
