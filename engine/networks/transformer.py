"""ACE-Step v1's transformer: latents, a timestep and a context in, velocity out (arXiv 2506.00045).

Knows no schedule, guidance or task. Parameter names are the released ones. Work that does not change during a job is
done once: contexts, keys and values by `encode_context` and `prepare`, what depends on timesteps alone by `time_steps`.
`evaluate` is one evaluation. Rows of a batch are independent, so conditional and unconditional passes can share one
call, with entropy-rectifying guidance as a per-row scale of the queries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.attention import CrossAttention, KeysValues, LinearSelfAttention, any_masked
from engine.networks.config import TransformerConfig
from engine.networks.feed_forward import GatedConvFeedForward
from engine.networks.lyric_encoder import LyricEncoder
from engine.networks.products import Linear, linear
from engine.networks.rope import Angles, rope_angles

NORM_EPS = 1e-6
STEM_CHANNELS = 2048
STEM_GROUPS = 32
TIME_CHANNELS = 256
KEPT_TABLES = 32


@dataclass(frozen=True, slots=True)
class Context:
    """What the frames attend to: speaker, text, lyrics. hidden (B, 1+S+L, D); mask (B, 1+S+L) of 0 and 1.

    `pooled` (B, D) is there for models with `pooled_text`.
    """

    hidden: Tensor
    mask: Tensor
    pooled: Tensor | None = None


@dataclass(frozen=True, slots=True)
class PreparedContext:
    """A context's keys and values for every block; mask bool (B, 1, 1, S), or None where nothing is masked.

    `pooled` (B, D) for models with `pooled_text`. `known` (B, 9, 16, T) for models with `region_input`: clean latents
    and a channel of 1 where frames are kept, 0 elsewhere; None where nothing is known. `copies`: so many times the
    batch holds the same states, one after another; what is the same for all of them is computed once.
    """

    blocks: tuple[KeysValues, ...]
    mask: Tensor | None
    pooled: Tensor | None = None
    known: Tensor | None = None
    copies: int = 1


@dataclass(frozen=True, slots=True)
class TimeSteps:
    """What timesteps say to the network: embedding (N, D) and modulation (N, 6, D); N is 1 or one for each row."""

    embedding: Tensor
    modulation: Tensor

    def __getitem__(self, index: int) -> TimeSteps:
        """Those of one timestep, for all rows."""
        return TimeSteps(self.embedding[index, None], self.modulation[index, None])


@dataclass(frozen=True, slots=True)
class _Step:
    """What every block of one evaluation shares."""

    angles: Angles
    modulation: Tensor  # (B, 6, D)
    context_mask: Tensor | None
    frame_mask: Tensor | None
    real: Tensor | None  # (1, T, 1)


class Transformer(nn.Module):
    """The velocity network with its text, speaker and lyric inputs."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.inner_dim
        self.proj_in = _PatchIn(config)
        self.timestep_embedder = _TimestepEmbedder(dim)
        self.t_block = nn.Sequential(nn.SiLU(), Linear(dim, 6 * dim))
        self.speaker_embedder = Linear(config.speaker_embedding_dim, dim)
        self.genre_embedder = Linear(config.text_embedding_dim, dim)
        self.lyric_embs = nn.Embedding(config.lyric_encoder_vocab_size, config.lyric_hidden_size)
        self.lyric_encoder = LyricEncoder(config.lyric_encoder_config, config.erg.lyric)
        self.lyric_proj = Linear(config.lyric_hidden_size, dim)
        if config.pooled_text:
            self.pooled_embedder = Linear(config.text_embedding_dim, dim)
        self.transformer_blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.num_layers))
        self.final_layer = _PatchOut(config)
        self._tables: dict[tuple[int, torch.dtype, torch.device], Angles] = {}

    def encode_context(
        self,
        text: Tensor,
        text_mask: Tensor,
        speaker: Tensor,
        lyric_ids: Tensor,
        lyric_mask: Tensor,
        lyric_query_scale: Tensor | None = None,
    ) -> Context:
        """text (B, S, Dt), text_mask (B, S), speaker (B, 512), lyric_ids and lyric_mask (B, L) -> the context.

        `lyric_query_scale` (B,) multiplies the queries of the lyric encoder's ERG layers, row by row.
        """
        dtype = self.genre_embedder.weight.dtype
        lyrics = self.lyric_encoder(self.lyric_embs(lyric_ids), lyric_mask, lyric_query_scale)
        parts = [
            self.speaker_embedder(speaker.to(dtype))[:, None],
            self.genre_embedder(text.to(dtype)),
            self.lyric_proj(lyrics),
        ]
        ones = lyric_mask.new_ones((lyric_mask.shape[0], 1))
        mask = torch.cat([ones, text_mask.to(ones.dtype), lyric_mask], dim=1)
        return Context(torch.cat(parts, dim=1), mask, self._pooled(text.to(dtype), text_mask))

    def _pooled(self, text: Tensor, mask: Tensor) -> Tensor | None:
        """The sum of the text states, embedded: (B, D), or None where the model does not use it.

        A sum, not a mean: one word of ten, such as a key, must not drown.
        """
        if not self.config.pooled_text:
            return None
        return self.pooled_embedder((text * mask[..., None].to(text.dtype)).sum(dim=1))

    def prepare(self, context: Context) -> PreparedContext:
        """Keys and values for every block, once per job. Positions that no row attends to are left out."""
        hidden, mask = context.hidden, context.mask != 0
        angles = self.angles(hidden.shape[1], hidden)
        if any_masked(mask):
            kept = mask.any(dim=0).nonzero()[:, 0]
            hidden, mask = hidden[:, kept], mask[:, kept]
            angles = angles.at(kept)
        attentions: list[CrossAttention] = [block.cross_attn for block in self.transformer_blocks]  # type: ignore[misc]
        blocks = tuple(attention.prepare(hidden, angles) for attention in attentions)
        return PreparedContext(blocks, mask[:, None, None] if any_masked(mask) else None, context.pooled)

    def time_steps(self, timesteps: Tensor) -> TimeSteps:
        """timesteps (N,) of 0 ... 1000 -> what the blocks need of them; once per job for all of its steps."""
        embedding = self.timestep_embedder(timesteps)
        return TimeSteps(embedding, self.t_block(embedding).unflatten(1, (6, -1)))

    def decode(
        self,
        latents: Tensor,
        timestep: Tensor,
        context: PreparedContext,
        *,
        frame_mask: Tensor | None = None,
        query_scale: Tensor | None = None,
        output_length: int | None = None,
    ) -> Tensor:
        """One velocity: latents (B, 8, 16, T), timestep (B,) of 0 ... 1000 -> (B, 8, 16, T) in the latents' dtype.

        `frame_mask` (B, T) hides frames; `query_scale` (B,) multiplies the queries of the ERG layers, row by row;
        `output_length` pads with zeros or cuts on the right.
        """
        time = self.time_steps(timestep.to(latents.device))
        out = self.evaluate(latents, time, context, query_scale, frame_mask=frame_mask)
        return out if output_length is None else F.pad(out, (0, output_length - out.shape[-1]))

    def evaluate(
        self,
        latents: Tensor,
        time: TimeSteps,
        context: PreparedContext,
        query_scale: Tensor | None = None,
        *,
        frame_mask: Tensor | None = None,
        real: Tensor | None = None,
        between: Callable[[], None] | None = None,
    ) -> Tensor:
        """`decode` with timesteps that were prepared.

        `real` (1, T, 1) of 0 and 1 marks padding on the right: the other frames come out as if it were not there.
        `between` is called before each block; what it raises ends the evaluation there.
        """
        x = self._enter(latents, context, real)
        time = self._with_pooled(time, context.pooled)
        step = _Step(self.angles(x.shape[1], x), time.modulation, context.mask, frame_mask, real)
        copies = context.copies
        for index, block in enumerate(self.transformer_blocks):
            if between is not None:
                between()
            scale = query_scale if index in self.config.erg.transformer else None
            if copies > 1 and (scale is not None or frame_mask is not None or len(time.modulation) > 1):
                x, copies = x.repeat(copies, 1, 1), 1
            x, copies = block(x, step, context.blocks[index], scale, copies), 1
        return self.final_layer(x, time.embedding).to(latents.dtype)

    def angles(self, positions: int, like: Tensor) -> Angles:
        """The position angles of `positions` frames or tokens, made once for each length."""
        key = (positions, like.dtype, like.device)
        if key not in self._tables:
            if len(self._tables) >= KEPT_TABLES:
                self._tables.pop(next(iter(self._tables)))
            self._tables[key] = rope_angles(positions, self.config.attention_head_dim, self.config.rope_theta, like)
        return self._tables[key]

    def _enter(self, latents: Tensor, context: PreparedContext, real: Tensor | None) -> Tensor:
        """(B / copies, T, D)."""
        known, rows = context.known, latents.shape[0] // context.copies
        return self.proj_in(self._with_known(latents[:rows], None if known is None else known[:rows]), real)

    def _with_known(self, latents: Tensor, known: Tensor | None) -> Tensor:
        channels = self.config.known_channels
        if not channels:
            return latents
        if known is None:
            known = latents.new_zeros(latents.shape[0], channels, *latents.shape[2:])
        return torch.cat([latents, known.to(latents.dtype)], dim=1)

    def _with_pooled(self, time: TimeSteps, pooled: Tensor | None) -> TimeSteps:
        """The timesteps with the sum of the text joined to them, row by row."""
        if pooled is None:
            return time
        embedding = time.embedding + pooled
        return TimeSteps(embedding, self.t_block(embedding).unflatten(1, (6, -1)))


class TransformerBlock(nn.Module):
    """Linear self-attention, cross-attention on the un-normalised stream, gated feed-forward (adaLN-single)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim = config.inner_dim
        self.attn = LinearSelfAttention(dim, config.num_attention_heads)
        self.cross_attn = CrossAttention(dim, config.num_attention_heads)
        self.ff = GatedConvFeedForward(dim, int(dim * config.mlp_ratio))
        self.scale_shift_table = _first_table(6, dim)

    def forward(
        self, x: Tensor, step: _Step, context: KeysValues, query_scale: Tensor | None, copies: int = 1
    ) -> Tensor:
        """x (B, T, D) -> (B, T, D); x (B / copies, T, D) where so many rows are alike until they read the context."""
        rows = (self.scale_shift_table + step.modulation)[:, :, None]  # (B, 6, 1, D)
        shift_msa, scale_msa, gate_msa, shift_mlp, scale_mlp, gate_mlp = rows.unbind(1)
        attended = self.attn(_modulate(x, shift_msa, scale_msa), step.angles, step.frame_mask, query_scale, step.real)
        x = torch.addcmul(x, gate_msa, attended)
        x = x if copies == 1 else x.repeat(copies, 1, 1)
        x = x + self.cross_attn(x, step.angles, context, step.context_mask, step.frame_mask, query_scale)
        return torch.addcmul(x, gate_mlp, self.ff(_modulate(x, shift_mlp, scale_mlp), step.real))


class _PatchIn(nn.Module):
    """One column of the latents to one token; the group norm's statistics run over the whole song."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.early_conv_layers = nn.Sequential(
            nn.Conv2d(config.in_channels + config.known_channels, STEM_CHANNELS, config.patch_size, config.patch_size),
            nn.GroupNorm(STEM_GROUPS, STEM_CHANNELS, eps=NORM_EPS),
            nn.Conv2d(STEM_CHANNELS, config.inner_dim, 1),
        )

    def forward(self, latents: Tensor, real: Tensor | None = None) -> Tensor:
        """latents, and what is known of them (B, 8 or 17, 16, T) -> (B, T, D)."""
        columns, norm, mix = self._conv(0), cast(nn.GroupNorm, self.early_conv_layers[1]), self._conv(2)
        x = latents.to(mix.weight.dtype).flatten(1, 2)  # (B, 128 or 272, T)
        x = columns.weight.flatten(1) @ x + cast(Tensor, columns.bias)[:, None]  # (B, 2048, T)
        x = norm(x) if real is None else group_norm_of_real(x, norm, real)
        return linear(x.transpose(1, 2), mix.weight[:, :, 0, 0], mix.bias)

    def _conv(self, index: int) -> nn.Conv2d:
        return cast(nn.Conv2d, self.early_conv_layers[index])


class _TimestepEmbedder(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear_1 = Linear(TIME_CHANNELS, dim)
        self.linear_2 = Linear(dim, dim)

    def forward(self, timestep: Tensor) -> Tensor:
        waves = timestep_waves(timestep).to(self.linear_1.weight.dtype)
        return cast(Tensor, self.linear_2(F.silu(self.linear_1(waves))))


class _PatchOut(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.folded = (config.patch_size[0], config.out_channels)
        self.linear = Linear(config.inner_dim, config.patch_size[0] * config.patch_size[1] * config.out_channels)
        self.scale_shift_table = _first_table(2, config.inner_dim)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x (B, T, D), embedding (B, D) -> (B, 8, 16, T)."""
        shift, scale = (self.scale_shift_table + embedding[:, None])[:, :, None].unbind(1)
        x = self.linear(_modulate(x, shift, scale)).unflatten(-1, self.folded)  # (B, T, 16, 8)
        return x.permute(0, 3, 2, 1)


def _first_table(rows: int, dim: int) -> nn.Parameter:
    table = nn.Parameter(torch.empty(rows, dim))
    nn.init.normal_(table, std=dim**-0.5)
    return table


def group_norm_of_real(x: Tensor, norm: nn.GroupNorm, real: Tensor) -> Tensor:
    """Group norm of x (B, C, T) whose statistics are those of the frames marked by `real` (1, T, 1)."""
    weights = real[:, :, 0].float()  # (1, T)
    groups = x.float().unflatten(1, (norm.num_groups, -1))  # (B, G, C / G, T)
    count = weights.sum() * groups.shape[2]
    mean = (groups * weights).sum(dim=(2, 3), keepdim=True) / count
    centred = groups - mean
    variance = (centred.square() * weights).sum(dim=(2, 3), keepdim=True) / count
    normed = (centred * torch.rsqrt(variance + norm.eps)).flatten(1, 2).to(x.dtype)
    return torch.addcmul(norm.bias[:, None], normed, norm.weight[:, None])


def timestep_waves(timestep: Tensor) -> Tensor:
    """timestep (B,) of 0 ... 1000 -> (B, 256) float32, cosines first (Ho et al., 2020)."""
    half = TIME_CHANNELS // 2
    channels = torch.arange(half, dtype=torch.float32, device=timestep.device)
    angles = timestep.float()[:, None] * torch.exp(channels * (-math.log(10000.0) / half))
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def _modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Root-mean-square norm without weight, then scale and shift (B, 1, D)."""
    return torch.addcmul(shift, F.rms_norm(x, x.shape[-1:], eps=NORM_EPS), 1 + scale)
