"""ACE-Step 1.5's transformer: latents, what is known of them, a timestep and a context in, velocity out.

Latents are (B, C, 1, T), as v1's (B, 8, 16, T) with time last, so that one sampler serves both. Knows no schedule,
guidance or task. What does not change during a job is made once: keys and values of contexts by `prepare`, what depends
on timesteps alone by `time_steps`, rotations and bands by length. A context of one position, as the unconditional
pass has, gives the same vector to every frame: it is made once too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.ace_step_15.attention import Attention, RMSNorm, Rotation, attend
from engine.networks.ace_step_15.blocks import GatedFeedForward, Places, Tables
from engine.networks.ace_step_15.config import TransformerConfig
from engine.networks.attention import KeysValues
from engine.networks.products import Linear, linear
from engine.networks.transformer import TimeSteps, timestep_waves

TIME_CHANNELS = 256
ROWS = 6


class _Modulation(NamedTuple):
    """The six rows of a block, each (B, 1, D)."""

    shift: Tensor
    scale: Tensor
    gate: Tensor
    mlp_shift: Tensor
    mlp_scale: Tensor
    mlp_gate: Tensor


Crossed = KeysValues | Tensor  # of one context in one block; a tensor (1, 1, D) where it is of a single position


@dataclass(frozen=True, slots=True)
class PreparedContext:
    """Contexts made ready for every block, and which rows of a batch see which of them.

    `contexts` has, for each context, what each block needs of it. `segments` are pairs of a context's number and how
    many rows in a row see it. `known` (rows, 2 C, 1, T): the source's channels and the mask's. `masks` has, for each
    context, which of its positions are real, bool (1, 1, 1, S) or None: all; no padding where it is not given.
    """

    contexts: tuple[tuple[Crossed, ...], ...]
    segments: tuple[tuple[int, int], ...]
    known: Tensor | None = None
    masks: tuple[Tensor | None, ...] | None = None

    @property
    def device(self) -> torch.device:
        """Where it is."""
        first = self.contexts[0][0]
        return first.device if isinstance(first, Tensor) else first.keys.device

    def rows(self, numbers: Sequence[int], items: int, known: Tensor | None) -> Self:
        """For a batch of `items` rows of each of the contexts `numbers`. `known` (1 or items, 2 C, 1, T) is each's."""
        spread = None if known is None else known.expand(items, -1, -1, -1).repeat(len(numbers), 1, 1, 1)
        return replace(self, segments=tuple((number, items) for number in numbers), known=spread)


@dataclass(frozen=True, slots=True)
class _Step:
    """What every block of one evaluation shares."""

    rotation: Rotation
    modulation: Tensor  # (1 or B, 6, D)
    rows: tuple[int, ...]  # of the batch, for each segment
    masks: tuple[Tensor | None, ...]  # of each segment's context


class Transformer(nn.Module):
    """The velocity network."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        size, patch = config.blocks.hidden_size, config.patch_size
        self.proj_in = nn.Conv1d(config.in_channels, size, patch, patch)
        self.time_embed = _TimestepEmbedder(size)
        self.time_embed_r = _TimestepEmbedder(size)
        self.condition_embedder = Linear(config.context_size, size)
        self.layers = nn.ModuleList(TransformerBlock(config) for _ in config.blocks.windows)
        self.norm_out = RMSNorm(size, config.blocks.rms_norm_eps)
        self.proj_out = nn.ConvTranspose1d(size, config.latent_channels, patch, patch)
        self.scale_shift_table = nn.Parameter(torch.zeros(1, 2, size))
        self._tables = Tables(config.blocks)

    def prepare(self, contexts: Sequence[Tensor]) -> PreparedContext:
        """Contexts (1, S, Dc), each of its own length -> keys and values for every block, once per job: no padding."""
        prepared = tuple(self._prepared(context) for context in contexts)
        return PreparedContext(prepared, tuple((number, 1) for number in range(len(prepared))))

    def _prepared(self, hidden: Tensor) -> tuple[Crossed, ...]:
        embedded = self.condition_embedder(hidden.to(self.condition_embedder.weight.dtype))
        attentions = [cast(TransformerBlock, layer).cross_attn for layer in self.layers]
        prepared = [attention.prepare(embedded) for attention in attentions]
        if hidden.shape[1] > 1:
            return tuple(prepared)
        return tuple(attention.constant(one) for attention, one in zip(attentions, prepared, strict=True))

    def time_steps(self, timesteps: Tensor, until: Tensor | None = None) -> TimeSteps:
        """timesteps (N,) of 0 ... 1000 -> what the blocks need of them; once per job for all of its steps.

        `until` (N,) is where a step ends, for a model that jumps; the released ones are asked with the same time twice.
        """
        jump = torch.zeros_like(timesteps) if until is None else timesteps - until
        embedding, rows = self.time_embed(timesteps)
        jump_embedding, jump_rows = self.time_embed_r(jump)
        return TimeSteps(embedding + jump_embedding, (rows + jump_rows).unflatten(1, (ROWS, -1)))

    def evaluate(
        self,
        latents: Tensor,
        time: TimeSteps,
        context: PreparedContext,
        *,
        between: Callable[[], None] | None = None,
        places: Places | None = None,
    ) -> Tensor:
        """One velocity: latents (B, C, 1, T) -> the same shape and dtype.

        `context.known` (B, 2 C, 1, T) holds the source's channels and the mask's. `places` is for frames that are
        padded: bands that show no padding.
        `between` is called before each block; what it raises ends the evaluation there.
        """
        x = self._patches(latents, cast(Tensor, context.known))
        rotation, bands = places or self._tables.of(x.shape[1], x.device)
        numbers, rows = zip(*context.segments, strict=True)
        masks = context.masks or (None,) * len(context.contexts)
        step = _Step(rotation, time.modulation, rows, tuple(masks[number] for number in numbers))
        for index, block in enumerate(self.layers):
            if between is not None:
                between()
            x = block(x, step, bands[index], tuple(context.contexts[number][index] for number in numbers))
        return self._latents(x, time.embedding, latents.shape[-1]).to(latents.dtype)

    def _patches(self, latents: Tensor, known: Tensor) -> Tensor:
        """(B, C, 1, T) and (B, 2 C, 1, T) -> tokens (B, ceil(T / 2), D)."""
        x = torch.cat([known.to(latents.dtype), latents], dim=1)[:, :, 0]
        patch = self.config.patch_size
        x = F.pad(x, (0, -x.shape[-1] % patch)).to(self.proj_in.weight.dtype)
        x = x.unflatten(-1, (-1, patch)).transpose(1, 2).flatten(2)  # (B, P, 3 C patch)
        return linear(x, self.proj_in.weight.flatten(1), self.proj_in.bias)

    def _latents(self, x: Tensor, embedding: Tensor, frames: int) -> Tensor:
        """Tokens (B, P, D) -> (B, C, 1, T)."""
        shift, scale = (self.scale_shift_table + embedding[:, None]).chunk(2, dim=1)
        x = torch.addcmul(shift, self.norm_out(x), 1 + scale)
        x = linear(x, self.proj_out.weight.flatten(1).t().contiguous())  # (B, P, C patch)
        x = x.unflatten(-1, (self.config.latent_channels, -1)).transpose(1, 2).flatten(2)
        return (x + cast(Tensor, self.proj_out.bias)[:, None])[:, :, None, :frames]


class TransformerBlock(nn.Module):
    """Modulated self-attention, plain cross-attention, modulated feed-forward (adaLN-single)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        blocks = config.blocks
        self.self_attn_norm = RMSNorm(blocks.hidden_size, blocks.rms_norm_eps)
        self.self_attn = Attention(blocks)
        self.cross_attn_norm = RMSNorm(blocks.hidden_size, blocks.rms_norm_eps)
        self.cross_attn = Attention(blocks)
        self.mlp_norm = RMSNorm(blocks.hidden_size, blocks.rms_norm_eps)
        self.mlp = GatedFeedForward(blocks.hidden_size, blocks.intermediate_size)
        self.scale_shift_table = nn.Parameter(torch.zeros(1, ROWS, blocks.hidden_size))

    def forward(self, x: Tensor, step: _Step, band: Tensor | None, contexts: tuple[Crossed, ...]) -> Tensor:
        """x (B, P, D) -> (B, P, D); `contexts` are those of the step's segments."""
        rows = _Modulation(*(self.scale_shift_table + step.modulation).chunk(ROWS, dim=1))
        attended = self.self_attn(_modulate(self.self_attn_norm(x), rows.shift, rows.scale), step.rotation, band)
        x = torch.addcmul(x, rows.gate, attended)
        x = x + self.cross(x, step, contexts)
        return torch.addcmul(x, rows.mlp_gate, self.mlp(_modulate(self.mlp_norm(x), rows.mlp_shift, rows.mlp_scale)))

    def cross(self, x: Tensor, step: _Step, contexts: tuple[Crossed, ...]) -> Tensor:
        """What the frames x (B, P, D) get of their contexts: no positions, no modulation."""
        attended = [
            self._cross(part, context, mask)
            for part, context, mask in zip(x.split(step.rows), contexts, step.masks, strict=True)
        ]
        return torch.cat(attended) if len(attended) > 1 else attended[0]

    def _cross(self, x: Tensor, context: Crossed, mask: Tensor | None) -> Tensor:
        if isinstance(context, Tensor):
            return context.expand(x.shape[0], x.shape[1], -1)
        keys, values = (part.expand(x.shape[0], -1, -1, -1) for part in context)
        q = self.cross_attn.queries(self.cross_attn_norm(x)).transpose(1, 2)
        return self.cross_attn.join(attend(q, keys, values, mask=mask))


class _TimestepEmbedder(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear_1 = Linear(TIME_CHANNELS, size)
        self.linear_2 = Linear(size, size)
        self.time_proj = Linear(size, ROWS * size)

    def forward(self, timestep: Tensor) -> tuple[Tensor, Tensor]:
        """timestep (N,) of 0 ... 1000 -> embedding (N, D) and rows (N, 6 D)."""
        waves = timestep_waves(timestep).to(self.linear_1.weight.dtype)
        embedding = self.linear_2(F.silu(self.linear_1(waves)))
        return embedding, self.time_proj(F.silu(embedding))


def _modulate(normed: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.addcmul(shift, normed, 1 + scale)
