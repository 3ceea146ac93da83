"""Trains nano's transformer and text encoder: flow matching on latents with tags and a beat grid.

Velocity is noise - data (Lipman et al., 2023); times are logit-normal, shifted by 3 as the released schedule. Knows no
autoencoder and no audio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.constants import SPEAKER_DIM
from engine.grid.beat_grid import METERS, PHASES
from engine.grid.beat_grid import VOCABULARY as BEAT_IDS
from engine.grid.harmony import CHORDS, VOCABULARY
from engine.networks.config import TransformerConfig
from engine.networks.text_encoder import build_umt5
from engine.networks.transformer import Transformer, TransformerBlock
from engine.training.learning.alignment import aligned_biases
from engine.training.learning.descent import Course, Losses, descend
from engine.training.learning.latents import Batch, LatentCrops
from engine.training.learning.precision import mixed_precision
from engine.training.learning.schedule import Clock
from engine.training.music.vocabulary import TEXT_LENGTH, VOCABULARY_SIZE
from engine.training.progress import Progress

SAVE_EVERY = 250
ALIGNED_HEADS, QUERY_START, KEY_START = 2, 0.003, 0.1
TRANSFORMER_CONFIG: dict[str, Any] = {
    "_class_name": "ACEStepTransformer2DModel",
    "num_layers": 6,
    "num_attention_heads": 6,
    "attention_head_dim": 32,
    "inner_dim": 192,
    "mlp_ratio": 2.0,
    "rope_theta": 100.0,
    "text_embedding_dim": 96,
    "lyric_encoder_vocab_size": VOCABULARY,
    "lyric_hidden_size": 64,
    "lyric_encoder_config": {"output_size": 64, "attention_heads": 4, "linear_units": 64, "num_blocks": 2},
    "pooled_text": True,
    "region_input": True,
    "lyric_input": "chord_grid",
    "text_length": TEXT_LENGTH,
    "erg": None,
}
TEXT_CONFIG: dict[str, Any] = {
    "architectures": ["UMT5EncoderModel"],
    "model_type": "umt5",
    "d_model": 96,
    "d_kv": 24,
    "num_heads": 4,
    "d_ff": 192,
    "num_layers": 3,
    "vocab_size": VOCABULARY_SIZE,
    "feed_forward_proj": "gated-gelu",
    "is_encoder_decoder": True,
    "dropout_rate": 0.0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "tie_word_embeddings": False,
}


@dataclass(frozen=True)
class TransformerPlan:
    """Length, rates and the crops' shares (see `LatentCrops`). With `minutes` the schedule follows the clock."""

    steps: int = 12300
    minutes: float | None = None
    muon_rate: float = 0.02
    adam_rate: float = 2e-3
    decay_from: float = 0.6
    ema: float = 0.998
    seed: int = 11
    stems: float = 0.2
    regions: float = 0.5
    check_every: int = 2000  # steps, a multiple of SAVE_EVERY


class Velocity(nn.Module):
    """Transformer and text encoder as they are trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = Transformer(TransformerConfig.from_dict(TRANSFORMER_CONFIG))
        self.text = build_umt5(TEXT_CONFIG)
        _start_weights(self.transformer)
        still_queries(self.transformer)
        plain_text(self.text)

    def forward(self, batch: Batch, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Velocity at `sigma` (B,) for noisy latents (B, 8, 16, T)."""
        states = self.text(batch.text_ids, batch.text_mask)
        size = noisy.shape[0]
        context = self.transformer.encode_context(
            states * batch.told * batch.text_mask[..., None],
            batch.text_mask,
            torch.zeros(size, SPEAKER_DIM),
            batch.grid,
            torch.ones_like(batch.grid),
        )
        prepared = replace(self.transformer.prepare(context), known=batch.known)
        return self.transformer.decode(noisy, sigma * 1000.0, prepared)


def blocks_of(model: Transformer) -> list[TransformerBlock]:
    """The transformer's blocks, as what they are."""
    return [cast(TransformerBlock, block) for block in model.transformer_blocks]


@torch.no_grad()
def _start_weights(model: Transformer) -> None:
    """Bar phases and chords as fixed patterns, gates half open, no velocity at first."""
    model.lyric_embs.weight.copy_(grid_patterns(model.config.lyric_hidden_size))
    for block in blocks_of(model):
        block.scale_shift_table[[2, 5]] = 0.5
    align_heads(model)
    model.genre_embedder.weight.zero_()
    model.pooled_embedder.weight.zero_()
    model.final_layer.linear.weight.zero_()
    model.final_layer.linear.bias.zero_()


def grid_patterns(size: int) -> Tensor:
    """First embeddings of the chord grid's ids: (4825, size); half of each row tells the bar phase, half the chord.

    Phases are 16 harmonics; chords are sums of one pattern for each pitch class and one for the root. Zeros: unknown.
    """
    angle = 2 * math.pi * torch.arange(PHASES) / PHASES
    waves = [wave(angle * number) for number in range(1, size // 4 + 1) for wave in (torch.cos, torch.sin)]
    harmonics = torch.stack(waves, dim=1)  # (64, size / 2)
    meters = 0.3 * torch.randn(len(METERS), 1, size // 2) + 0.7 * harmonics
    beats = torch.cat([torch.zeros(1, size // 2), meters.flatten(0, 1)])  # (193, size / 2)
    classes, roots = torch.randn(12, size // 2), torch.randn(12, size // 2)
    chords = torch.zeros(CHORDS, size // 2)
    for root in range(12):
        for minor in (0, 1):
            tones = [root, (root + 4 - minor) % 12, (root + 7) % 12]
            chords[1 + 2 * root + minor] = 0.4 * (classes[tones].sum(dim=0) + roots[root])
    pairs = [beats.expand(CHORDS, -1, -1), chords[:, None].expand(-1, BEAT_IDS, -1)]
    return torch.cat(pairs, dim=-1).flatten(0, 1)


@torch.no_grad()
def align_heads(model: Transformer) -> None:
    """Two heads of each block attend to the frame's own beat-grid id, the others evenly to all of the context.

    Queries read the stream without a norm, and the stream grows tenfold in training: their matrices are kept small and
    still (`still_queries`), or they drown the positions.
    """
    config = model.config
    query, key = aligned_biases(config.attention_head_dim, config.rope_theta, 1 + config.text_length)
    rows = slice(0, ALIGNED_HEADS * config.attention_head_dim)
    for block in blocks_of(model):
        queries, keys = block.cross_attn.to_q, block.cross_attn.to_k
        queries.weight.normal_(std=QUERY_START)
        queries.weight[rows] = 0.0
        keys.weight[rows] *= KEY_START
        queries.bias[rows], keys.bias[rows] = query.repeat(ALIGNED_HEADS), key.repeat(ALIGNED_HEADS)


@torch.no_grad()
def plain_text(text: Any) -> None:
    """Start the text encoder as a table of words: its blocks add nothing yet, and its last norm stays as it is.

    Text is noise to a network that has learned nothing. Where it could, training made the encoder's states all alike
    in the first thousand steps, and no tag had an effect afterwards. For the same reason text enters through
    projections that start at zero, and the blocks learn slowly.
    """
    text.encoder.final_layer_norm.weight.requires_grad_(False)
    for block in text.encoder.block:
        block.layer[0].SelfAttention.o.weight.zero_()
        block.layer[1].DenseReluDense.wo.weight.zero_()


def still_queries(model: Transformer) -> None:
    """Leave the cross-attention's query matrices as they start; their biases are trained."""
    for block in blocks_of(model):
        block.cross_attn.to_q.weight.requires_grad_(False)


class Average(nn.Module):
    """Exponential moving average of a model's weights."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.names = list(model.state_dict())
        for index, value in enumerate(model.state_dict().values()):
            self.register_buffer(str(index), value.detach().clone())

    @torch.no_grad()
    def update(self, model: nn.Module, keep: float) -> None:
        """Move towards the model by 1 - keep."""
        torch._foreach_lerp_(list(self.buffers()), list(model.state_dict().values()), 1.0 - keep)

    def copy_from(self, weights: Mapping[str, Tensor]) -> None:
        """Start again from a model's state dict."""
        for name, buffer in zip(self.names, self.buffers(), strict=True):
            buffer.copy_(weights[name])

    def weights(self) -> dict[str, Tensor]:
        """State dict of the averaged model."""
        return dict(zip(self.names, self.buffers(), strict=True))


def velocity_loss(model: Velocity, batch: Batch) -> Tensor:
    """Mean squared error of the velocity at random times, over the frames that are to be made."""
    sigma = torch.sigmoid(torch.randn(batch.latents.shape[0]))
    sigma = 3.0 * sigma / (1.0 + 2.0 * sigma)
    noise = torch.randn_like(batch.latents)
    share = sigma[:, None, None, None]
    with mixed_precision(), sdpa_kernel(SDPBackend.MATH):  # flash is slow backwards on CPUs
        predicted = model(batch, (1.0 - share) * batch.latents + share * noise, sigma)
    error = F.mse_loss(predicted.float(), noise - batch.latents, reduction="none").mean(dim=(1, 2))  # (B, T)
    mask = batch.made[:, 0, 0]
    return ((error * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def train_transformer(
    crops: LatentCrops,
    out: Path,
    plan: TransformerPlan,
    progress: Progress,
    check: Callable[[int], object] | None = None,
) -> dict[str, Tensor]:
    """Train to the plan's end, going on from `out`'s snapshot. Returns the averaged weights.

    `check(step)` is called every `plan.check_every` steps, the snapshot being written.
    """
    torch.manual_seed(plan.seed)
    model = Velocity()
    average = Average(model)

    def begin(_: int, clock: Clock) -> Losses:
        def losses(step: int) -> dict[str, Tensor]:
            batch = crops.batch()
            clock.count(batch.latents.shape[0])
            return {"loss": velocity_loss(model, batch), "samples": clock.get_buffer("samples").float()}

        return losses

    def after_save(step: int) -> None:
        crops.refresh()
        if check is not None and step % plan.check_every == 0:
            check(step)

    course = Course(
        begin,
        slow=("transformer.transformer_blocks", "text.encoder.block"),
        limits_muon=False,
        kept={"average": average},
        after_step=lambda step: average.update(model, min(plan.ema, (1 + step) / (10 + step))),
        after_save=after_save,
    )
    descend(model, out, plan, course, progress, SAVE_EVERY)
    return average.weights()
