"""Names of models: what there is, where it lies, what it costs. Reads no weights and downloads nothing (no torch)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from engine.checkpoints.ace_step_15.places import SHARED_15, find_weights
from engine.errors import CheckpointError

MAIN_REPOSITORY = "ACE-Step/Ace-Step1.5"
HOME_VARIABLE = "ACESTEP_BRIDGE_HOME"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model by name. `folder` is a checkpoint folder or single file; `repository` is None where nothing is pulled.

    `revision` None: the commit that the repository is at when the model is first pulled, and from then on. `files` are
    the patterns of what is pulled; `shares` are parts that several models use, pulled with each, once.
    """

    name: str
    folder: Path
    description: str
    licence: str
    size_bytes: int
    memory_bytes: int
    installed: bool
    repository: str | None = None
    revision: str | None = None
    files: tuple[str, ...] = ()
    has_lyric_vocabulary: bool = False
    shares: tuple[ModelEntry, ...] = ()


def entries(home: Path | None = None) -> list[ModelEntry]:
    """The named models, installed or not. `home` is the product's folder (None: where `home_folder` says)."""
    models = models_folder(home)
    return [_nano(), _ace_step_v1(models), *ace_step_15_entries(models)]


@cache  # the same wherever they lie; a daemon asks for each job that it shows
def descriptions() -> Mapping[str, str]:
    """What each named model is, in words."""
    return MappingProxyType({entry.name: entry.description for entry in entries()})


class UnknownModel(CheckpointError):
    """No model has that name, and nothing lies at that path. `got`, `expected` and `remedy` are the message's parts."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        is_path = any(sign in name for sign in "/\\") or name.endswith(".safetensors")
        self.got = f"{name[:200]!r}, where nothing is" if is_path else repr(name[:200])
        self.expected = f"one of {', '.join(known)} or the path of a checkpoint folder or .safetensors file"
        moved = "If it was moved or renamed, name where it is now. " if is_path else ""
        self.remedy = f"{moved}`acestep-bridge models list` shows them."
        super().__init__(f"model: got {self.got}, expected {self.expected}. {self.remedy}")


def resolve(name: str, home: Path | None = None) -> ModelEntry:
    """A name or a path to its entry. Raises CheckpointError naming what exists, or how to get what is not there."""
    named = {entry.name: entry for entry in entries(home)}
    if name in named:
        return _installed(named[name])
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # too long a name, ~somebody not known, a NUL
        path = Path(name).expanduser()
        if path.exists():
            return ModelEntry(path.name, path.resolve(), "a checkpoint of yours", "its own", _size(path), 0, True)
    raise UnknownModel(name, list(named))


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
        files=("ace_step_transformer/*", "music_dcae_f8c8/*", "music_vocoder/*", "umt5-base/*"),
        has_lyric_vocabulary=True,
    )


# name, repository, folder in it, size, what it is
ACE_STEP_15 = (
    ("", MAIN_REPOSITORY, "acestep-v15-turbo", 4_790_000_000, "2 B parameters, 8 steps without guidance"),
    ("-turbo-shift1", None, "", 4_790_000_000, "as ace-step-1.5, trained for noise levels without shift"),
    ("-turbo-shift3", None, "", 4_790_000_000, "as ace-step-1.5, trained for noise levels shifted by 3"),
    ("-turbo-continuous", None, "", 4_790_000_000, "as ace-step-1.5, for shifts of 1 to 5"),
    ("-sft", None, "", 4_790_000_000, "2 B parameters, 50 steps with guidance, fine-tuned"),
    ("-base", None, "", 4_790_000_000, "2 B parameters, 50 steps with guidance; trained for single instruments"),
    ("-xl-turbo", None, "", 9_970_000_000, "5 B parameters, 8 steps without guidance"),
    ("-xl-sft", None, "", 19_950_000_000, "5 B parameters, 50 steps with guidance, fine-tuned"),
    ("-xl-base", None, "", 9_970_000_000, "5 B parameters, 50 steps with guidance; trained for single instruments"),
)
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json", "silence_latent.pt")


def ace_step_15_entries(models: Path) -> list[ModelEntry]:
    """ACE-Step 1.5's checkpoints. Text encoder and autoencoder are those of the main repository, for all of them."""
    shared = _shared_15(models / SHARED_15)
    return [_ace_step_15(models, shared, *row) for row in ACE_STEP_15]


def _ace_step_15(
    models: Path, shared: ModelEntry, name: str, repository: str | None, inner: str, size: int, description: str
) -> ModelEntry:
    folder = models / f"ace-step-1.5{name}"
    prefix = f"{inner}/" if inner else ""
    return ModelEntry(
        name=folder.name,
        folder=folder,
        description=f"ACE-Step 1.5: {description}; songs of up to 600 s with vocals in 50 languages",
        licence=shared.licence,
        size_bytes=size + shared.size_bytes,
        memory_bytes=size + shared.size_bytes + 500_000_000,
        installed=_has_weights(folder / inner) and shared.installed,
        repository=repository or f"ACE-Step/acestep-v15{name}",
        files=tuple(prefix + pattern for pattern in WEIGHTS),
        shares=(shared,),
    )


def _shared_15(folder: Path) -> ModelEntry:
    return ModelEntry(
        name=folder.name,
        folder=folder,
        description="text encoder and autoencoder of ACE-Step 1.5",
        licence="MIT, the text encoder Apache-2.0",
        size_bytes=1_540_000_000,
        memory_bytes=0,
        installed=_has_weights(folder / "vae") and _has_weights(folder / "Qwen3-Embedding-0.6B"),
        repository=MAIN_REPOSITORY,
        files=(
            "vae/config.json",
            "vae/*.safetensors",
            "Qwen3-Embedding-0.6B/config.json",
            "Qwen3-Embedding-0.6B/*.safetensors",
            "Qwen3-Embedding-0.6B/tokenizer.json",
        ),
    )


def _has_weights(folder: Path) -> bool:
    return (folder / "config.json").is_file() and find_weights(folder) is not None


def _installed(entry: ModelEntry) -> ModelEntry:
    if not entry.installed:
        remedy = (
            f"Get it with `acestep-bridge models pull {entry.name}`" if entry.repository else "Reinstall the package"
        )
        raise CheckpointError(
            f"model {entry.name}: not found at {entry.folder} ({entry.size_bytes / 1e9:.1f} GB, "
            f"licence {entry.licence}). {remedy}, or name the path of a checkpoint folder."
        )
    if not entry.repository:
        return entry
    return replace(entry, size_bytes=_size(entry.folder) + sum(_size(part.folder) for part in entry.shares))


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else 0
