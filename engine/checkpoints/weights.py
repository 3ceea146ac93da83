"""Weights into modules: strict about keys and shapes, without a second copy in memory. Knows no layout of folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine.checkpoints.int8 import is_rounded, put, to_int8
from engine.errors import CheckpointError

M = TypeVar("M", bound=nn.Module)

SHOWN_KEYS = 5
_NO_NETWORK = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError)


class TensorFile(Mapping[str, Tensor]):
    """A safetensors file as a mapping. Tensors are read when asked for, from the mapped file."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        from safetensors import SafetensorError, safe_open

        self.path = path
        try:
            self._file = safe_open(str(path), framework="pt", device=device)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{path}: cannot be read as safetensors ({error}). Download the file again; "
                "files of other formats (.bin, .pt, .ckpt) are not accepted because they can run code."
            ) from error
        self._keys = tuple(self._file.keys())

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._keys:
            raise KeyError(key)
        return self._file.get_tensor(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, from the header alone."""
        return {key: tuple(self._file.get_slice(key).get_shape()) for key in self._keys}

    def metadata(self) -> dict[str, str]:
        """The header's text entries."""
        return dict(self._file.metadata() or {})


def build_empty(build: Callable[[], M]) -> M:
    """A module without memory behind its weights, to be filled by `fill`. Raises CheckpointError for sizes of none."""
    with sizes_of_a_config(), torch.device("meta"), _WithoutInitialisation():
        return build()


@contextmanager
def sizes_of_a_config() -> Iterator[None]:
    """Raises CheckpointError where a config's values are of the wrong kind, or those of no network."""
    try:
        yield
    except _NO_NETWORK as error:
        raise CheckpointError(
            f"config.json: no network can be made of its values ({str(error)[:200]}). "
            "Use the config.json that belongs to the weights."
        ) from error


class _WithoutInitialisation(TorchFunctionMode):
    """Modules made in here do not draw their first weights. On the meta device that would import torch's compiler."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return given["tensor"] if "tensor" in given else args[0]
        return function(*args, **given)


def fill(
    module: M,
    state: Mapping[str, Tensor],
    where: str,
    dtype: torch.dtype,
    device: torch.device,
    int8: bool = False,
    copy: bool = False,
) -> M:
    """Give a module made by `build_empty` its weights, in `dtype` on `device`, ready for inference.

    With `int8` the matrices of linear layers are held in 8 bits, each rounded before the next is read. Weights that
    are right as they are in the file stay mapped from it, and the file with them, unless they are to be `copy`s.

    Raises CheckpointError naming unknown keys, missing keys or the first wrong shape.
    """
    check_keys(module, state, where)
    rounded = [key for key in state if int8 and is_rounded(key)]
    cast = {
        key: value.to(device, dtype if value.is_floating_point() else None, copy=copy)
        for key, value in state.items()
        if key not in rounded
    }
    module.load_state_dict(cast, strict=not rounded, assign=True)
    for key in rounded:
        put(module, key, to_int8(state[key].to(device, dtype)))
    return module.requires_grad_(False).eval()


def check_keys(module: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Raise CheckpointError unless `state` holds exactly the module's keys in its shapes."""
    expected = module.state_dict()
    unknown, missing = sorted(set(state) - set(expected)), sorted(set(expected) - set(state))
    if unknown or missing:
        raise CheckpointError(
            f"{where}: unknown weights {_shown(unknown)}; missing weights {_shown(missing)}. "
            "The file is of another model or version, or incomplete: download it again."
        )
    for key, value in expected.items():
        if state[key].shape != value.shape:
            raise CheckpointError(
                f"{where}: {key} has shape {tuple(state[key].shape)}, expected {tuple(value.shape)} from config.json. "
                "Use the config.json that belongs to the weights."
            )


def _shown(keys: list[str]) -> str:
    more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    return (", ".join(keys[:SHOWN_KEYS]) or "none") + more
