"""Names of models: what there is, where it lies, what it costs. Reads no weights and downloads nothing (no torch)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

from engine.errors import CheckpointError

HOME_VARIABLE = "ACESTEP_BRIDGE_HOME"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model by name. `folder` is a checkpoint folder or single file; `repository` is None where nothing is pulled."""

    name: str
    folder: Path
    description: str
    licence: str
    size_bytes: int
    memory_bytes: int
    installed: bool
    repository: str | None = None
    revision: str | None = None


def entries(home: Path | None = None) -> list[ModelEntry]:
    """The named models, installed or not. `home` is the product's folder (None: where `home_folder` says)."""
    return [_nano(), _ace_step_v1(models_folder(home))]


def resolve(name: str, home: Path | None = None) -> ModelEntry:
    """A name or a path to its entry. Raises CheckpointError naming what exists, or how to get what is not there."""
    named = {entry.name: entry for entry in entries(home)}
    if name in named:
        return _installed(named[name])
    path = Path(name).expanduser()
    if path.exists():
        return ModelEntry(path.name, path.resolve(), "a checkpoint of yours", "its own", _size(path), 0, True)
    raise CheckpointError(
        f"model: got {name!r}, expected one of {', '.join(named)} or the path of a checkpoint folder or "
        ".safetensors file. `acestep-bridge models list` shows them."
    )


def home_folder() -> Path:
    """Where this product keeps its own files: `ACESTEP_BRIDGE_HOME`, else `.acestep-bridge` in the user's folder."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given) if given else Path.home() / ".acestep-bridge"


def models_folder(home: Path | None = None) -> Path:
    """Where pulled models lie, each in a folder of its name."""
    return (home or home_folder()) / "models"


@cache  # it lies in the package; a daemon asks several times a job
def _nano() -> ModelEntry:
    folder = Path(str(resources.files("engine.checkpoints").joinpath("nano")))
    return ModelEntry(
        name="nano",
        folder=folder,
        description="small test model, trained on synthesised music; does not sing; for CPUs and for trying out",
        licence="GPL-3.0-or-later",
        size_bytes=_size(folder),
        memory_bytes=300_000_000,
        installed=(folder / "ace_step_transformer" / "config.json").is_file(),
    )


def _ace_step_v1(models: Path) -> ModelEntry:
    folder = models / "ace-step-v1"
    return ModelEntry(
        name="ace-step-v1",
        folder=folder,
        description="ACE-Step v1, 3.5 B parameters: songs of up to 240 s with vocals in 17 languages",
        licence="Apache-2.0",
        size_bytes=8_260_000_000,
        memory_bytes=7_500_000_000,
        installed=(folder / "ace_step_transformer" / "diffusion_pytorch_model.safetensors").is_file(),
        repository="ACE-Step/ACE-Step-v1-3.5B",
        revision="82cd0d7b6322bd28cd4e830fe675ddb6180ce36c",
    )


def _installed(entry: ModelEntry) -> ModelEntry:
    if not entry.installed:
        remedy = (
            f"Get it with `acestep-bridge models pull {entry.name}`" if entry.repository else "Reinstall the package"
        )
        raise CheckpointError(
            f"model {entry.name}: not found at {entry.folder} ({entry.size_bytes / 1e9:.1f} GB, "
            f"licence {entry.licence}). {remedy}, or name the path of a checkpoint folder."
        )
    return replace(entry, size_bytes=_size(entry.folder)) if entry.repository else entry


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else 0
