"""Every network of ACE-Step 1.5 beside the reference's, within a relative L2 of 1e-5, on both tiny checkpoints."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from engine.checkpoints.ace_step_15.load import load_networks
from engine.checkpoints.ace_step_15.lora import read_lora
from engine.checkpoints.lora import Lora, LoraSet
from engine.families.ace_step_15.levels import Shifted
from engine.sampling.guidance import Momentum, apg
from tests.support.golden15_runs import GOLDEN15, MODULE_LIMIT, error, networks, tensors

CHECKPOINTS = ("base", "turbo")
CASES = ("plain", "odd", "long", "r")


def frames_last(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(1, 2)[:, :, None]


class Stored:
    """One module's tensors of one checkpoint."""

    def __init__(self, module: str, prefix: str = "") -> None:
        self.module, self.prefix = module, prefix

    def __getitem__(self, key: str) -> torch.Tensor:
        return tensors(self.module)[self.prefix + key]


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_golden_transformer(checkpoint: str, case: str) -> None:
    """Odd lengths, a mask of 0, 1 and 2, sequences of many windows, and a time that differs from the step's end."""
    model, g = networks(checkpoint).transformer, Stored("transformer", f"{checkpoint}.{case}.")
    context = replace(model.prepare([row[None] for row in g["cond"]]), known=frames_last(g["context"]))
    time = model.time_steps(1000 * g["timestep"], 1000 * g["timestep_r"])
    got = model.evaluate(frames_last(g["hidden"]), time, context)
    assert error(got, frames_last(g["out"])) <= MODULE_LIMIT


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("case", ("plain", "long"))
@torch.inference_mode()
def test_golden_inner_tensors_of_the_transformer(checkpoint: str, case: str) -> None:
    model, g = networks(checkpoint).transformer, Stored("transformer", f"{checkpoint}.{case}.")
    context = replace(model.prepare([row[None] for row in g["cond"]]), known=frames_last(g["context"]))
    seen: dict[str, torch.Tensor] = {}
    watched = {"layer0.self_attn": model.layers[0].self_attn, "layer0": model.layers[0], "layer1": model.layers[1]}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
        for name, module in watched.items()
    ]
    timestep = 1000 * g["timestep"]
    model.evaluate(frames_last(g["hidden"]), model.time_steps(timestep), context)
    for hook in hooks:
        hook.remove()
    seen["time_embed.temb"] = model.time_embed(timestep)[0]
    seen["time_embed_r.temb"] = model.time_embed_r(torch.zeros_like(timestep))[0]
    seen["condition_embedder"] = model.condition_embedder(g["cond"])
    for name, got in seen.items():
        assert error(got, g[name]) <= MODULE_LIMIT, name


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@torch.inference_mode()
def test_golden_conditions(checkpoint: str) -> None:
    """Rows one by one, of their own length: what the reference packs to the left, in its order."""
    model, g = networks(checkpoint).conditions, Stored("condition", f"{checkpoint}.")
    owners, clips = g["order"].tolist(), model.timbre_encoder(g["reference"])
    assert error(model.text_projector(g["text"]), g["text_out"]) <= MODULE_LIMIT
    for item in range(g["lyric"].shape[0]):
        lyrics = g["lyric"][item, g["lyric_mask"][item]][None]
        text = g["text"][item, g["text_mask"][item].bool()][None]
        own = [n for n, owner in enumerate(owners) if owner == item]
        assert error(model.lyric_encoder(lyrics)[0], g["lyric_out"][item, g["lyric_mask"][item]]) <= MODULE_LIMIT
        assert error(clips[own], g["timbre"][item, g["timbre_mask"][item].bool()]) <= MODULE_LIMIT
        packed = g["packed"][item, g["packed_mask"][item].bool()]
        assert error(model(lyrics, g["reference"][own], text)[0], packed) <= MODULE_LIMIT


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@torch.inference_mode()
def test_golden_audio_tokens(checkpoint: str) -> None:
    model, g = networks(checkpoint), Stored("tokenizer", f"{checkpoint}.")
    tokens = model.audio_tokens
    assert tokens is not None
    quantizer, silence = tokens.tokenizer.quantizer, model.silence[:, :, 0].transpose(1, 2)
    assert error(tokens.tokenizer.pooled(g["latents"], silence), g["pooled"]) <= MODULE_LIMIT
    assert torch.equal(tokens.tokenizer(g["latents"], silence), g["indices"][..., 0])
    assert error(quantizer.decode(g["indices"][..., 0]), g["quantized"]) <= MODULE_LIMIT
    assert error(tokens.detokenizer(g["quantized"]), g["detokenized"]) <= MODULE_LIMIT


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@torch.inference_mode()
def test_golden_quantizer(checkpoint: str) -> None:
    tokens, g = networks(checkpoint).audio_tokens, Stored("tokenizer", f"{checkpoint}.")
    assert tokens is not None
    quantizer = tokens.tokenizer.quantizer
    assert torch.equal(quantizer.indices(g["fsq_in"]), g["fsq_indices"][..., 0])
    assert error(quantizer.decode(quantizer.indices(g["fsq_in"])), g["fsq_out"]) <= MODULE_LIMIT
    assert error(quantizer.values(g["ids"]), g["ids_codes"]) <= MODULE_LIMIT
    assert error(quantizer.decode(g["ids"]), g["ids_out"]) <= MODULE_LIMIT
    assert error(tokens.of_codes(g["ids"]), frames_last(g["ids_detokenized"])) <= MODULE_LIMIT


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@torch.inference_mode()
def test_golden_autoencoder(checkpoint: str) -> None:
    """Mean and deviation apart; the reference's sample is of both, ours is the mean."""
    model, g = networks(checkpoint).autoencoder, Stored("vae", f"{checkpoint}.")
    mean, deviation = model.posterior(g["audio"])
    assert error(mean, g["mean"]) <= MODULE_LIMIT
    assert error(deviation, g["std"]) <= MODULE_LIMIT
    assert error(mean + deviation * g["noise"], g["sample"]) <= MODULE_LIMIT
    assert error(model.decode(g["z"][:, :, None]), g["decoded"]) <= MODULE_LIMIT


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@torch.inference_mode()
def test_golden_text_encoder(checkpoint: str) -> None:
    model, g = networks(checkpoint).text_encoder.model, Stored("text_encoder", f"{checkpoint}.")
    assert error(model(g["ids"]), g["hidden"]) <= MODULE_LIMIT
    assert error(model.embed(g["ids"]), g["embedded"]) <= MODULE_LIMIT


def test_golden_guidance() -> None:
    """Four steps with one momentum: v1's guidance is this model's, over the time of each channel."""
    momentum, g = Momentum(), Stored("guidance")
    for step in sorted({key.split(".")[0] for key in tensors("guidance")}, key=int):
        cond, uncond = frames_last(g[f"{step}.cond"]), frames_last(g[f"{step}.uncond"])
        assert error(apg(cond, uncond, 7.0, momentum), frames_last(g[f"{step}.out"])) <= MODULE_LIMIT


def test_golden_schedules() -> None:
    for name, expected in json.loads((GOLDEN15 / "schedules.json").read_text(encoding="utf-8")).items():
        steps, shift = name.split("_")
        if isinstance(expected, list) and steps.isdigit():
            got = Shifted(float(shift)).sigmas(int(steps))
            torch.testing.assert_close(torch.tensor(got), torch.tensor(expected), rtol=0, atol=2e-7)


@pytest.mark.parametrize(("weight", "key"), [(1.0, "merged_alpha"), (0.5, "merged_alpha_weight_0.5"), (0.0, "plain")])
def test_golden_lora(weight: float, key: str) -> None:
    """With alpha over rank, as it was trained; diffusers drops that, which its own result shows."""
    model, g = load_networks(GOLDEN15 / "tiny_checkpoint" / "base").transformer, Stored("lora")
    LoraSet(model, read_lora).apply([Lora(GOLDEN15 / "tiny_lora", weight)])
    with torch.inference_mode():
        context = replace(model.prepare([g["cond"]]), known=frames_last(g["context"]))
        got = model.evaluate(frames_last(g["hidden"]), model.time_steps(1000 * g["timestep"]), context)
    assert error(got, frames_last(g[key])) <= MODULE_LIMIT
