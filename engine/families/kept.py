"""What is made of a job's words and kept across jobs, by content. Knows no network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor

ENTRIES, BYTES = 64, 64 << 20  # the newest stays whatever its size
_K = TypeVar("_K", bound=Hashable)


class KeptByContent(Generic[_K]):
    """Tensors by what they were made of; the oldest go when there are too many, or too large ones."""

    def __init__(self, entries: int = ENTRIES, size_bytes: int = BYTES) -> None:
        self._entries, self._bytes = entries, size_bytes
        self._kept: OrderedDict[_K, Tensor] = OrderedDict()

    def __contains__(self, key: _K) -> bool:
        return key in self._kept

    def get(self, key: _K, make: Callable[[], Tensor]) -> Tensor:
        """What is kept under `key`, made where it is not there."""
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > self._entries or (len(self._kept) > 1 and self._size() > self._bytes):
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def _size(self) -> int:
        return sum(tensor.nbytes for tensor in self._kept.values())
