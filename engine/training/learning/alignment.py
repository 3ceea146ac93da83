"""Starting biases with which a frame attends to its own beat-grid id. Knows one head's geometry only.

From random weights the attention over a hundred context positions is even, its gradient is faint, and training ignored
the grid for its first 11,000 samples. RoPE of constant queries and keys is a function of their positions alone, so a
few hundred steps on two vectors give a head that looks `offset` positions ahead, before any music is seen.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.networks.rope import apply_rope, rope_angles


@cache
def aligned_biases(
    head_dim: int, theta: float, offset: int, frames: int = 304, steps: int = 400, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Query and key biases (head_dim,) each, whose attention from frame p peaks at position p + offset."""
    generator = torch.Generator().manual_seed(seed)
    query, key = (torch.randn(head_dim, generator=generator) for _ in range(2))
    weights = [query.mul_(2.0).requires_grad_(), key.mul_(2.0).requires_grad_()]
    optimizer = torch.optim.Adam(weights, lr=0.1)
    targets = torch.arange(frames) + offset
    with torch.enable_grad():
        for _ in range(steps):
            loss = F.cross_entropy(position_logits(weights[0], weights[1], theta, frames, frames + offset), targets)
            loss = loss + 2e-3 * sum(weight.square().mean() for weight in weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return weights[0].detach(), weights[1].detach()


def position_logits(query: Tensor, key: Tensor, theta: float, frames: int, positions: int) -> Tensor:
    """Attention logits (frames, positions) of constant queries and keys."""
    angles = rope_angles(max(frames, positions), query.shape[0], theta, query)
    queries = apply_rope(query.expand(1, len(angles.even_cos), 1, -1), angles)[0, :frames, 0]
    keys = apply_rope(key.expand(1, len(angles.even_cos), 1, -1), angles)[0, :positions, 0]
    return queries @ keys.T / query.shape[0] ** 0.5
