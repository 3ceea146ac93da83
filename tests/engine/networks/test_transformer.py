"""The transformer against the reference's tensors, and the promises that the sampler builds on."""

from __future__ import annotations

import pytest
import torch

from engine.checkpoints.keys import is_dead
from engine.checkpoints.weights import build_empty
from engine.errors import CheckpointError
from engine.networks.config import ErgLayers, TransformerConfig
from engine.networks.transformer import Context, Transformer, timestep_waves
from tests.support.networks_material import LIMIT, golden, real_config, real_shapes, relative_error, tiny_networks

ACTIVATIONS = {
    "act.lyric_embed": "lyric_encoder.embed",
    "act.lyric_block0": "lyric_encoder.encoders.0",
    "act.lyric_encoder": "lyric_encoder",
    "act.timestep_embedding": "timestep_embedder",
    "act.temb6": "t_block",
    "act.proj_in": "proj_in",
    "act.block0.attn": "transformer_blocks.0.attn",
    "act.block0.cross_attn": "transformer_blocks.0.cross_attn",
    "act.block0.ff": "transformer_blocks.0.ff",
    "act.block0": "transformer_blocks.0",
    "act.block1": "transformer_blocks.1",
    "act.block19": "transformer_blocks.19",
}
ERG_SCALE = 0.01


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    return tiny_networks().transformer


def encode(transformer: Transformer, null: bool = False) -> Context:
    g = golden("transformer")
    keep = 0 if null else 1
    scale = torch.full((2,), ERG_SCALE) if null else None
    return transformer.encode_context(
        g["text"] * keep, g["text_mask"], g["speaker"] * keep, g["lyric_ids"], g["lyric_mask"], scale
    )


@pytest.fixture(scope="module")
def computed(transformer: Transformer) -> dict[str, torch.Tensor]:
    """Every tensor of the golden file, computed by ours."""
    g, out = golden("transformer"), {}
    hooks = [
        transformer.get_submodule(path).register_forward_hook(
            lambda _module, _inputs, output, name=name: out.__setitem__(name, output)
        )
        for name, path in ACTIVATIONS.items()
    ]
    context = encode(transformer)
    prepared = transformer.prepare(context)
    out["decode"] = out["full"] = transformer.decode(g["x"], g["timestep"], prepared)
    for hook in hooks:
        hook.remove()
    out["act.time_proj"] = timestep_waves(g["timestep"])
    out["encoder_hidden"], out["encoder_mask"] = context.hidden, context.mask

    def decode(**given: object) -> torch.Tensor:
        return transformer.decode(g["x"], g["timestep"], prepared, **given)

    out["masked.decode"] = decode(frame_mask=g["masked.attention_mask"])
    out["output_length_30"], out["output_length_9"] = decode(output_length=30), decode(output_length=9)
    out["erg.decode"] = decode(query_scale=torch.full((2,), ERG_SCALE))
    out["erg.encoder_hidden"] = encode(transformer, null=True).hidden
    nothing = torch.zeros(2, 1, dtype=torch.long)
    empty = transformer.encode_context(g["text"], g["text_mask"], g["speaker"], nothing, nothing)
    out["empty_lyric.encoder_hidden"], out["empty_lyric.encoder_mask"] = empty.hidden, empty.mask
    out["empty_lyric.decode"] = transformer.decode(g["x"], g["timestep"], transformer.prepare(empty))
    return out


INPUTS = {"x", "text", "text_mask", "speaker", "lyric_ids", "lyric_mask", "timestep", "masked.attention_mask"}
OUTPUTS = sorted(k for k in golden("transformer") if k not in INPUTS and not k.startswith("umt5."))


@pytest.mark.parametrize("name", OUTPUTS)
def test_golden(name: str, computed: dict[str, torch.Tensor], record_property: pytest.RecordProperty) -> None:
    error = relative_error(computed[name].float(), golden("transformer")[name].float())
    record_property("relative_l2", error)
    print(f"transformer {name}: {error:.2e}")
    assert error < LIMIT


def test_row_of_a_batch_equals_row_alone(transformer: Transformer) -> None:
    """Rows differ in everything: masks, timestep, query scale. None leaks into another."""
    g, context, scale = golden("transformer"), encode(transformer), torch.tensor([1.0, ERG_SCALE])
    together = transformer.decode(g["x"], g["timestep"], transformer.prepare(context), query_scale=scale)
    for row in range(2):
        alone = transformer.prepare(Context(context.hidden[row, None], context.mask[row, None]))
        got = transformer.decode(g["x"][row, None], g["timestep"][row, None], alone, query_scale=scale[row, None])
        assert relative_error(got, together[row, None]) < 1e-5


def test_query_scale_of_one_changes_nothing(transformer: Transformer) -> None:
    g = golden("transformer")
    prepared = transformer.prepare(encode(transformer))
    plain = transformer.decode(g["x"], g["timestep"], prepared)
    assert torch.equal(plain, transformer.decode(g["x"], g["timestep"], prepared, query_scale=torch.ones(2)))


def test_a_prepared_context_is_used_again_without_being_changed(transformer: Transformer) -> None:
    g, context = golden("transformer"), encode(transformer)
    once = transformer.prepare(context)
    for timestep in (torch.tensor([900.0, 900.0]), g["timestep"]):
        cached = transformer.decode(g["x"], timestep, once)
        assert torch.equal(cached, transformer.decode(g["x"], timestep, transformer.prepare(context)))


def test_positions_that_no_row_sees_are_left_out(transformer: Transformer) -> None:
    g = golden("transformer")
    context = encode(transformer)
    padded = Context(
        torch.cat([context.hidden, torch.full_like(context.hidden[:, :5], 1e3)], dim=1),
        torch.cat([context.mask, torch.zeros_like(context.mask[:, :5])], dim=1),
    )
    prepared = transformer.prepare(padded)
    assert prepared.blocks[0].keys.shape[2] == context.mask.any(dim=0).sum()
    got = transformer.decode(g["x"], g["timestep"], prepared)
    wanted = transformer.decode(g["x"], g["timestep"], transformer.prepare(context))
    assert relative_error(got, wanted) < 1e-6


def test_context_without_padding_needs_no_mask(transformer: Transformer) -> None:
    context = encode(transformer)
    assert transformer.prepare(Context(context.hidden, torch.ones_like(context.mask))).mask is None


def test_gradients_reach_every_parameter() -> None:
    """Training uses the same class; an in-place step of the fast path must not cut the graph."""
    torch.manual_seed(0)
    config = TransformerConfig.from_dict(
        {"num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 8, "inner_dim": 16, "text_embedding_dim": 8}
        | {"lyric_encoder_config": {"output_size": 8, "attention_heads": 2, "linear_units": 16, "num_blocks": 1}}
        | {"lyric_hidden_size": 8, "lyric_encoder_vocab_size": 20, "lyric_input": "beat_grid", "erg": None}
    )
    model, ones = Transformer(config), torch.ones(2, 3)
    context = model.encode_context(torch.randn(2, 3, 8), ones, torch.randn(2, 512), torch.ones(2, 3).long(), ones)
    velocity = model.decode(torch.randn(2, 8, 16, 6), torch.tensor([10.0, 700.0]), model.prepare(context))
    velocity.square().mean().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without


def test_bfloat16_stays_near_float32(transformer: Transformer) -> None:
    g = golden("transformer")
    small = build_empty(lambda: Transformer(transformer.config))
    small.load_state_dict({k: v.bfloat16() for k, v in transformer.state_dict().items()}, assign=True)
    velocity = small.decode(g["x"], g["timestep"], small.prepare(encode(small)))
    assert velocity.dtype == torch.float32
    assert relative_error(velocity, g["decode"]) < 0.1


def test_keys_and_shapes_at_real_size() -> None:
    model = build_empty(lambda: Transformer(TransformerConfig.from_dict(real_config("ace_step_transformer"))))
    ours = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    released = real_shapes("transformer")
    dead = {key for key in released if is_dead(key)}
    assert ours == {key: shape for key, shape in released.items() if key not in dead}
    numbers = {key: torch.Size(released[key]).numel() for key in dead}
    assert sum(n for key, n in numbers.items() if key.startswith("projectors.")) == 87_840_512
    assert sum(n for key, n in numbers.items() if not key.startswith("projectors.")) == 629_391_360
    assert sum(p.numel() for p in model.parameters()) == 2_588_427_392


class TestConfig:
    def test_released_erg_layers_are_kept_as_far_as_they_exist(self) -> None:
        raw = real_config("ace_step_transformer")
        assert TransformerConfig.from_dict(raw).erg == ErgLayers((15, 16, 17, 18, 19), (4, 5), (8, 9))
        assert TransformerConfig.from_dict(raw | {"num_layers": 17}).erg.transformer == (15, 16)

    @pytest.mark.parametrize("off", [None, {}, {"transformer": [], "lyric": None, "text": []}])
    def test_erg_can_be_off(self, off: object) -> None:
        raw = real_config("ace_step_transformer") | {"erg": off}
        assert TransformerConfig.from_dict(raw).erg == ErgLayers((), (), ())

    def test_erg_layers_can_be_given(self) -> None:
        raw = real_config("ace_step_transformer") | {"erg": {"transformer": [2, 3]}}
        assert TransformerConfig.from_dict(raw).erg == ErgLayers((2, 3), (), ())

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"flavour": 1}, "flavour"),
            ({"inner_dim": 100}, "inner_dim"),
            ({"lyric_hidden_size": 7}, "lyric_hidden_size"),
            ({"lyric_input": "runes"}, "lyric_input"),
            ({"lyric_encoder_config": {"depth": 3}}, "depth"),
            ({"erg": {"vocoder": [1]}}, "vocoder"),
        ],
    )
    def test_a_config_of_something_else_is_named(self, change: dict[str, object], named: str) -> None:
        with pytest.raises(CheckpointError, match=named):
            TransformerConfig.from_dict(real_config("ace_step_transformer") | change)

    def test_a_missing_key_is_named(self) -> None:
        raw = real_config("ace_step_transformer")
        del raw["num_layers"]
        with pytest.raises(CheckpointError, match="num_layers"):
            TransformerConfig.from_dict(raw)
