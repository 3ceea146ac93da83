"""Muon: momentum made orthogonal by Newton-Schulz steps, for matrices (Jordan et al., 2024). Knows no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from engine.training.learning.precision import has_bfloat16

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """For weights of two or more dimensions; further ones are flattened into the second."""

    def __init__(self, params: Iterable[Tensor], lr: float = 0.02, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group)

    def _update(self, weight: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if "average" not in state:
            state["average"] = torch.zeros_like(weight)
        average = state["average"].mul_(group["momentum"]).add_(weight.grad)
        direction = orthogonalised((weight.grad + group["momentum"] * average).flatten(1))
        rows, columns = direction.shape
        weight.mul_(1.0 - group["lr"] * group["decay"])
        weight.add_(direction.view_as(weight), alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrix with singular values near 1: (m, n) -> float32 (m, n)."""
    a, b, c = _COEFFICIENTS
    x = matrix.to(torch.bfloat16 if has_bfloat16() else torch.float32)
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x if wide else x.T).float()


def split_optimizers(
    model: nn.Module, muon_rate: float, adam_rate: float, inside: str = "", slow: str = "-"
) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the matrices of the modules whose names start with `inside`, AdamW for all else.

    What starts with `slow` has a twentieth of AdamW's rate, as its group's `share` says.
    """
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    slowly: list[Tensor] = []
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            big = weight.dim() >= 2 and min(weight.flatten(1).shape) > 8 and "scale_shift_table" not in name
            rest = slowly if name.startswith(slow) else others
            (matrices if big and name.startswith(inside) else rest).append(weight)
    groups = [{"params": others, "share": 1.0}, *([{"params": slowly, "share": 0.05}] if slowly else [])]
    adam = torch.optim.AdamW(groups, lr=adam_rate, betas=(0.9, 0.98), weight_decay=0.01)
    return Muon(matrices, lr=muon_rate), adam
