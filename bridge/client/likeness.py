"""Whether another machine has the software and the weights that this one has. Knows no link and no cluster."""

from __future__ import annotations

import contextlib

from bridge.protocol.messages import ModelsReply
from bridge.system.version import package_version
from engine.checkpoints import registry
from engine.checkpoints.identity import known_fingerprint
from engine.errors import CheckpointError

_SHOWN = 12  # characters of a fingerprint


def fingerprint_here(model: str) -> str:
    """Of the checkpoint that this machine has by that name or path; "" for none."""
    with contextlib.suppress(CheckpointError, OSError):
        return known_fingerprint(registry.resolve(model).folder)
    return ""


def own_models() -> dict[str, str]:
    """Name -> fingerprint of the models that are installed here."""
    return {entry.name: known_fingerprint(entry.folder) for entry in registry.entries() if entry.installed}


def other_version(name: str, version: str) -> str:
    """In words, if a machine has another version of the software than this one; else ""."""
    if version == package_version():
        return ""
    return (
        f"{name} has acestep-bridge {version}, this computer {package_version()}: a seed may make other music there. "
        "Install the same version on both."
    )


def other_checkpoint(name: str, model: str, theirs: str, ours: str) -> str:
    """In words, if both have a checkpoint of that name and they are not the same; else ""."""
    if not (theirs and ours) or theirs == ours:
        return ""
    return (
        f"{name} has another checkpoint as {model} ({theirs[:_SHOWN]}, here {ours[:_SHOWN]}): a seed makes other music "
        "there. Pull the model again where it is not the one that is meant."
    )


def differences(name: str, version: str, models: ModelsReply | None, model: str) -> list[str]:
    """What of a linked machine is not as here, in sentences."""
    entries = models.models if models is not None else []
    theirs = next((entry.fingerprint for entry in entries if entry.name == model), "")
    told = [other_version(name, version), other_checkpoint(name, model, theirs, fingerprint_here(model))]
    return [sentence for sentence in told if sentence]
