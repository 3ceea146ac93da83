"""The families there are, and which one a checkpoint is of. Knows their folders' names; imports one when it is asked.

`facts.py` of a family needs no torch; `family.py`, which loads, does.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.families.facts import Facts

if TYPE_CHECKING:
    import torch

    from engine.families.family import Family, LoadedNetworks, Use
    from engine.memory.plan import Sizes

# the last one takes what no other recognises, and says what is missing
FAMILIES: tuple[str, ...] = ("ace_step_15", "v1")


def family_of(checkpoint: Path) -> str:
    """The family of a checkpoint folder or file, by what lies there."""
    for name in FAMILIES[:-1]:
        if _part(name, "facts").recognises(checkpoint):
            return name
    return FAMILIES[-1]


def facts_of(checkpoint: Path) -> Facts:
    """What the files of a checkpoint say. Raises CheckpointError where they cannot be read."""
    facts: Facts = _part(family_of(checkpoint), "facts").facts_of(checkpoint)
    return facts


def load_networks(
    checkpoint: Path, device: torch.device, dtype: torch.dtype, int8: bool = False, stored: torch.device | None = None
) -> LoadedNetworks:
    """A checkpoint's networks for a device; `stored`: another one that the weights lie on at first.

    Raises CheckpointError naming what is missing, unknown or misshapen.
    """
    module = _part(family_of(checkpoint), "family")
    networks: LoadedNetworks = module.load_networks(checkpoint, device, dtype, int8, stored)
    return networks


def make_family(networks: LoadedNetworks, use: Use, speed: str = "auto") -> Family:
    """Loaded networks as rendering wants them; `use` is told which network comes next."""
    family: Family = _part(networks.family, "family").make_family(networks, use, speed)
    return family


def sizes_of_checkpoint(checkpoint: Path, device: torch.device, dtype: torch.dtype) -> Sizes:
    """What a checkpoint will take in memory, told from its headers. Raises CheckpointError."""
    sizes: Sizes = _part(family_of(checkpoint), "checkpoint_sizes").sizes_of_checkpoint(checkpoint, device, dtype)
    return sizes


def _part(family: str, name: str) -> Any:
    return importlib.import_module(f"engine.families.{family}.{name}")
