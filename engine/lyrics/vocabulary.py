"""Where v1's lyric vocabulary lies and whether it is the released one. Knows no tokens and downloads nothing.

The file is not part of the checkpoint; `acestep-bridge models pull ace-step-v1` puts it into the model's folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.errors import CheckpointError

VOCABULARY_NAME = "lyric_vocab.json"
VOCABULARY_VARIABLE = "ACESTEP_LYRIC_VOCAB"
# acestep/models/lyrics_utils/vocab.json of github.com/ace-step/ACE-Step at commit d612523
VOCABULARY_SHA256 = "c2a66ea48c478c0bb9acb5497144b926acdeaa37128faa799508d40f2b9cc558"

PULL_COMMAND = "acestep-bridge models pull ace-step-v1"


def _places(model_folder: Path | str | None, pulled_folders: Iterable[Path | str]) -> Iterator[Path]:
    if model_folder is not None:
        yield Path(model_folder) / VOCABULARY_NAME
    pointed = os.environ.get(VOCABULARY_VARIABLE)
    if pointed:
        yield Path(pointed)
    for folder in pulled_folders:
        yield Path(folder) / VOCABULARY_NAME


def find_vocabulary(model_folder: Path | str | None = None, pulled_folders: Iterable[Path | str] = ()) -> Path:
    """The first lyric vocabulary that exists: in the model's folder, where `ACESTEP_LYRIC_VOCAB` points, in
    `pulled_folders` in their order. Raises CheckpointError, which lists the places and how to get the file.
    """
    places = list(_places(model_folder, pulled_folders))
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places) or "nowhere, since no folder was given"
    raise CheckpointError(
        f"The lyric vocabulary {VOCABULARY_NAME} was not found; looked at: {looked}. "
        f"Get it with `{PULL_COMMAND}`, or point {VOCABULARY_VARIABLE} at the file."
    )


def check_vocabulary(path: Path | str, expected_sha256: str = VOCABULARY_SHA256) -> None:
    """Raises CheckpointError if the file is not, byte for byte, the vocabulary that v1 was trained with."""
    path = Path(path)
    try:
        got = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"The lyric vocabulary {path} cannot be read: {error}.") from error
    if got != expected_sha256:
        raise CheckpointError(
            f"The lyric vocabulary {path} has SHA-256 {got}, expected {expected_sha256}. "
            f"Delete it and get it again with `{PULL_COMMAND}`."
        )
