"""The inputs that only nano has: clean latents of what is kept, and the sum of the text. Off, they cost nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from engine.families.v1.predictor import stack_contexts
from engine.networks.config import TransformerConfig
from engine.networks.transformer import PreparedContext, Transformer
from engine.tasks import inpaint, text_to_audio
from tests.support.task_material import FRAMES, SOURCE, finished, inputs, mask, small

TINY: dict[str, Any] = {
    "num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 8, "inner_dim": 16, "text_embedding_dim": 8,
    "lyric_encoder_config": {"output_size": 8, "attention_heads": 2, "linear_units": 16, "num_blocks": 1},
    "lyric_hidden_size": 8, "lyric_encoder_vocab_size": 20, "lyric_input": "beat_grid", "erg": None,
}  # fmt: skip


def tiny(**changes: Any) -> Transformer:
    torch.manual_seed(0)
    return Transformer(TransformerConfig.from_dict(TINY | changes)).eval()


def prepared(model: Transformer, text: torch.Tensor, length: int = 3) -> PreparedContext:
    ones = torch.ones(1, length)
    return model.prepare(
        model.encode_context(text, ones, torch.zeros(1, 512), torch.ones(1, 3).long(), torch.ones(1, 3))
    )


@torch.inference_mode()
def test_what_is_known_reaches_every_frame_and_nothing_known_is_zeros() -> None:
    model = tiny(region_input=True)
    context = prepared(model, torch.randn(1, 3, 8))
    noisy, time = torch.randn(1, 8, 16, 6), torch.tensor([500.0])
    known = torch.zeros(1, 9, 16, 6)
    nothing = model.decode(noisy, time, context)
    assert torch.equal(nothing, model.decode(noisy, time, replace(context, known=known)))
    known[..., :2] = 1.0
    moved = (model.decode(noisy, time, replace(context, known=known)) - nothing).abs().amax(dim=(0, 1, 2))
    assert float(moved.min()) > 0


@torch.inference_mode()
def test_a_model_without_these_inputs_has_neither_weights_nor_fields_for_them() -> None:
    model = tiny()
    assert model.proj_in.early_conv_layers[0].weight.shape[1] == 8
    assert not [name for name in model.state_dict() if "pooled" in name]
    assert prepared(model, torch.randn(1, 3, 8)).pooled is None


@torch.inference_mode()
def test_pooled_text_is_the_sum_of_what_is_not_masked_and_follows_its_row() -> None:
    model = tiny(pooled_text=True)
    text, lyrics, ones = torch.randn(2, 3, 8), torch.ones(2, 3).long(), torch.ones(2, 3)
    masks = torch.tensor([[1, 1, 0], [1, 1, 1]])
    context = model.encode_context(text, masks, torch.zeros(2, 512), lyrics, ones)
    wanted = model.pooled_embedder(torch.stack([text[0, :2].sum(dim=0), text[1].sum(dim=0)]))
    assert context.pooled is not None and torch.allclose(context.pooled, wanted, atol=1e-6)
    alone = [
        model.encode_context(text[r, None], masks[r, None], torch.zeros(1, 512), lyrics[:1], ones[:1]) for r in range(2)
    ]
    stacked = stack_contexts(alone).pooled
    assert stacked is not None and torch.allclose(stacked, context.pooled, atol=1e-6)


def test_inpaint_shows_the_kept_latents_to_a_model_that_reads_them_and_text_to_audio_none() -> None:
    given = inputs(small(variance=1.0))
    seen: list[torch.Tensor | None] = []
    base = given.model.transformer

    class Reads:
        """The tiny model with `region_input` in its config."""

        config = replace(base.config, region_input=True)

        def __getattr__(self, name: str) -> Any:
            return getattr(base, name)

        def evaluate(
            self, latents: torch.Tensor, time: Any, context: PreparedContext, scale: Any = None
        ) -> torch.Tensor:
            seen.append(context.known)
            return base.evaluate(latents, time, replace(context, known=None), scale)

    conditioner: Any = type(given.model)(Reads(), given.model._text_encoder)  # type: ignore[arg-type]
    reading = replace(given, model=conditioner)
    finished(inpaint.prepare(reading, inpaint.Region(SOURCE, mask(10, 20))))
    assert len(seen) == 4
    for known in seen:
        assert known is not None and known.shape[1:] == (9, 16, FRAMES)
        assert torch.equal(known[0, 8, 0], (~mask(10, 20)).float())
        assert torch.equal(known[0, :8, :, :10], SOURCE[0, ..., :10]) and not known[..., 10:20].any()
    seen.clear()
    finished(text_to_audio.prepare(reading))
    assert seen and all(known is None for known in seen)
