"""Which weights a result was made with: a fingerprint of a checkpoint, made in milliseconds. Needs no torch.

Hashing the 8 GB of the full model at every load would take longer than rendering. So small files count whole, and of
large ones the size, the first 1 MiB (a safetensors header names every tensor) and 256 blocks spread over the rest:
any retrained or rounded weight file differs in all of them.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

SMALL_BYTES = 1 << 20
BLOCKS = 256
BLOCK_BYTES = 4096
SUFFIXES = (".safetensors", ".json")


def fingerprint(source: Path) -> str:
    """SHA-256, as hexadecimal text, over a checkpoint folder's weights and configs, or over a single file."""
    digest = hashlib.sha256()
    for path in _files(source):
        name = path.name if path == source else path.relative_to(source).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        _add(digest, path)
    return digest.hexdigest()


def known_fingerprint(source: Path) -> str:
    """The same, made again only when a file has changed, as far as sizes and times of files say."""
    state = tuple((str(path), (told := path.stat()).st_size, told.st_mtime_ns) for path in _files(source))
    return _made_once(source, state)


@lru_cache(maxsize=64)
def _made_once(source: Path, state: tuple[tuple[str, int, int], ...]) -> str:
    return fingerprint(source)


def _files(source: Path) -> list[Path]:
    return [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.suffix in SUFFIXES)


def _add(digest: hashlib._Hash, path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        digest.update(file.read(SMALL_BYTES))
        rest = size - SMALL_BYTES - BLOCK_BYTES
        if rest > 0:
            for block in range(BLOCKS + 1):
                file.seek(SMALL_BYTES + rest * block // BLOCKS)
                digest.update(file.read(BLOCK_BYTES))
