"""LoRAs by hub id: `owner/name` or `owner/name@revision`, pulled once and pinned. Knows no transformer.

The first pull asks the hub which commit the revision is, and that commit's file is used from then on, without a
network, until it is deleted: `<models>/loras/owner--name/<commit>/pytorch_lora_weights.safetensors`.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

from engine.checkpoints import registry
from engine.checkpoints.hub import (
    OnProgress,
    Repository,
    download,
    list_files,
    quiet_hub,
    read_manifest,
    read_object,
    unreachable,
    verify_files,
)
from engine.checkpoints.lora_files import LORA_FILE, PEFT_FILES
from engine.errors import CheckpointError, InvalidRequest

logger = logging.getLogger(__name__)
PINS = "pins.json"
_HUB_ID = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w.-]*))?")


def is_hub_id(text: str) -> bool:
    """Whether a LoRA's name is an id of the hub: not a file or folder that is there, but `owner/name`."""
    is_file_name = text.lower().endswith(".safetensors")
    return _HUB_ID.fullmatch(text) is not None and not is_file_name and not Path(text).expanduser().exists()


def check_there(text: str) -> None:
    """Raises InvalidRequest for a LoRA's path that leads to none, and for an id of the hub that was never pulled."""
    try:
        path = Path(text).expanduser()
        if path.is_file() or any((path / name).is_file() for name in (LORA_FILE, PEFT_FILES[0])):
            return
        is_folder, of_the_hub = path.is_dir(), is_hub_id(text)
    except (OSError, RuntimeError, ValueError):  # too long a name, ~somebody who is not known, a NUL
        is_folder = of_the_hub = False
    if of_the_hub:
        return check_pulled(text)
    got = f"{text[:200]}, a folder without {LORA_FILE}" if is_folder else f"{text[:200]}, which is not there"
    expected = f"a .safetensors file, a folder with {LORA_FILE}, or an id of the hub (owner/name)"
    raise InvalidRequest("lora", got, expected, "Check the path. `acestep-bridge models list` shows what was pulled.")


def check_pulled(text: str) -> None:
    """Raises InvalidRequest for a LoRA's hub id that was never pulled, with the command that pulls it."""
    if is_hub_id(text) and _pinned(text, None) is None:
        expected = "a LoRA that was pulled, a .safetensors file, or a folder"
        remedy = f"Pull it, once: acestep-bridge models pull {text}"
        raise InvalidRequest("lora", f"{text}, which was not pulled", expected, remedy)


def lora_path(
    text: str, home: Path | None = None, progress: OnProgress | None = None, endpoint: str | None = None
) -> Path:
    """Where a LoRA lies: a path as it is, a hub id after it was pulled. Raises CheckpointError."""
    if not is_hub_id(text):
        return Path(text).expanduser()
    return _pinned(text, home) or pull_lora(text, home, progress, endpoint)


def pull_lora(
    text: str, home: Path | None = None, progress: OnProgress | None = None, endpoint: str | None = None
) -> Path:
    """Load a LoRA from the hub at the commit that its revision is now, pin it, and check it. Gives its folder."""
    name, revision = _parts(text)
    folder = _folder(name, home)
    asked = Repository(name, revision, folder, f"acestep-bridge models pull {text}", endpoint=endpoint)
    repository = _at_commit(asked)
    files = list_files(repository, [LORA_FILE]) or list_files(repository, PEFT_FILES)
    if not any(file.path.endswith(".safetensors") for file in files):
        raise CheckpointError(
            f"LoRA {text}: {name} holds no {LORA_FILE} and no {PEFT_FILES[0]}. Use a LoRA that was trained for "
            "ACE-Step."
        )
    size = sum(file.size for file in files)
    licence = repository.licence or "not given"
    logger.info("LoRA %s: commit %s, %.1f MB, licence %s", name, repository.revision[:12], size / 1e6, licence)
    repository.folder.mkdir(parents=True, exist_ok=True)
    download(repository, files, progress)
    problems = verify_files(repository.folder)
    if problems:
        raise CheckpointError(f"LoRA {text}: {'; '.join(problems)}. Delete {repository.folder} and pull again.")
    _pin(folder, revision, repository.revision)
    return repository.folder


def pulled_loras(home: Path | None = None) -> dict[str, Path]:
    """Every LoRA that was pulled, as `owner/name@commit`, with its folder."""
    folders = {}
    for folder in sorted(_loras(home).glob("*/*/")):
        manifest = read_manifest(folder)
        if manifest is not None:
            folders[f"{manifest['repository']}@{manifest['revision'][:12]}"] = folder
    return folders


def _pinned(text: str, home: Path | None) -> Path | None:
    name, revision = _parts(text)
    folder = _folder(name, home)
    place = folder / _pins(folder).get(revision, revision)
    there = any((place / file).is_file() for file in (LORA_FILE, PEFT_FILES[0]))
    return place if there and read_manifest(place) is not None else None


def _pin(folder: Path, revision: str, commit: str) -> None:
    pins = {**_pins(folder), revision: commit}
    part = folder / f"{PINS}.part"
    part.write_text(json.dumps(pins, indent=1), encoding="utf-8")
    part.replace(folder / PINS)


def _pins(folder: Path) -> dict[str, str]:
    return read_object(folder / PINS)


def _parts(text: str) -> tuple[str, str]:
    match = _HUB_ID.fullmatch(text)
    if match is None:
        raise CheckpointError(f"LoRA {text}: expected owner/name or owner/name@revision. Check the spelling.")
    return match["name"], match["revision"] or "main"


def _at_commit(asked: Repository) -> Repository:
    """The repository at the commit that its revision is, with its licence."""
    from huggingface_hub import HfApi

    try:
        with quiet_hub():
            info = HfApi(endpoint=asked.endpoint).model_info(asked.name, revision=asked.revision)
    except Exception as error:  # the hub client's errors share no base class
        raise unreachable(asked, error) from error
    licences = [tag.partition(":")[2] for tag in info.tags or [] if tag.startswith("license:")]
    commit = info.sha or asked.revision
    return replace(asked, revision=commit, folder=asked.folder / commit, licence=", ".join(licences))


def _folder(name: str, home: Path | None) -> Path:
    return _loras(home) / name.replace("/", "--")


def _loras(home: Path | None) -> Path:
    return registry.models_folder(home) / "loras"
