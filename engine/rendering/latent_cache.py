"""Latents of audio that was encoded before, by a hash of its samples: in memory, and in a folder where one is given.

Knows no audio and no network. Files are .npy, written whole or not at all; the oldest go when they take too much room.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.atomic import WriteError, replacing

KEPT_IN_MEMORY = 16
FOLDER_BYTES = 256 << 20


class LatentCache:
    """Tensors on the CPU by name. `folder` outlives the process; it may be shared by several."""

    def __init__(self, folder: Path | None = None, folder_bytes: int = FOLDER_BYTES) -> None:
        self._known: OrderedDict[str, Tensor] = OrderedDict()
        self._folder = folder
        self._folder_bytes = folder_bytes

    def get(self, name: str) -> Tensor | None:
        """What was put under this name, or None."""
        if name not in self._known:
            latents = self._read(name)
            if latents is None:
                return None
            self._remember(name, latents)
        self._known.move_to_end(name)
        return self._known[name]

    def put(self, name: str, latents: Tensor) -> None:
        """Keep latents. A folder that cannot be written to is passed over: the cache only saves time."""
        self._remember(name, latents)
        if self._folder is None:
            return
        with contextlib.suppress(OSError, WriteError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replacing(self._path(name)) as temporary, temporary.open("wb") as file:
                np.save(file, latents.numpy(), allow_pickle=False)
            self._make_room()

    def clear(self) -> None:
        """Forget what is in memory."""
        self._known.clear()

    def _remember(self, name: str, latents: Tensor) -> None:
        self._known[name] = latents
        while len(self._known) > KEPT_IN_MEMORY:
            self._known.popitem(last=False)

    def _read(self, name: str) -> Tensor | None:
        if self._folder is None:
            return None
        path = self._path(name)
        with contextlib.suppress(OSError, ValueError, EOFError):
            latents = torch.from_numpy(np.load(path, allow_pickle=False))
            os.utime(path)
            return latents
        return None

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{name}.npy"

    def _make_room(self) -> None:
        assert self._folder is not None
        files = [(path.stat(), path) for path in self._folder.glob("*.npy")]
        total = sum(about.st_size for about, _ in files)
        for about, path in sorted(files, key=lambda file: file[0].st_mtime):
            if total <= self._folder_bytes:
                return
            path.unlink(missing_ok=True)
            total -= about.st_size
