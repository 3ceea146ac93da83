"""The secrets of the product's folder and of the environment, so that a report is kept free of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HIDDEN = "[secret]"
_SHORTEST = 8  # characters: what is shorter hides nothing and is everywhere
_MOST_BYTES = 1 << 16
_SECRET_NAME = re.compile(r"(^|[._-])(key|secret|token|password|signing)s?$", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_USER_OF_URL = re.compile(r"(?<=://)[^/\s@\"']+@")


def known_secrets(home: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Every secret text, the longest first."""
    found = {value for name, value in environment.items() if _SECRET_VARIABLE.search(name)}
    for path in _small_files(home):
        found.update(_of_file(path))
    return sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True)


def without_secrets(text: str, secrets: list[str]) -> str:
    """The text with each secret, also as JSON writes it, and the user and password of each URL taken out."""
    for secret in secrets:
        for written in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            text = text.replace(written, HIDDEN)
    return _USER_OF_URL.sub(f"{HIDDEN}@", text)


def _small_files(home: Path) -> Iterator[Path]:
    """Files that may hold keys: all small ones but audio, models and logs."""
    for folder, folders, names in os.walk(home):
        folders[:] = [name for name in folders if name not in ("audio", "models", "latents", "media", "uploads")]
        for path in (Path(folder, name) for name in names):
            if ".log" not in path.name and path.is_file() and path.stat().st_size <= _MOST_BYTES:
                yield path


def _of_file(path: Path) -> Iterator[str]:
    text = path.read_text("utf-8", errors="replace")
    if _SECRET_NAME.search(path.name):
        yield text.strip()
        yield from (line for line in text.splitlines() if not line.startswith("-----"))
    elif path.suffix == ".json":
        try:
            yield from _of_json(json.loads(text))
        except (ValueError, RecursionError):
            return


def _of_json(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str) and _SECRET_NAME.search(name):
                yield inner
            yield from _of_json(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_json(inner)
