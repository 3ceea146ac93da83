"""Another folder of goldens of ACE-Step 1.5, of other sizes: `python -m tests.support.golden15_sizes FOLDER`.

Two tiny checkpoints of random weights whose widths, heads, layers, channels and windows are none of the kept ones', and
what diffusers' networks and pipeline make of them, in the form of `tests/golden15`. Then
`ACESTEP_GOLDENS15=FOLDER pytest -k golden tests/engine/families/ace_step_15` shows that no size stands in our code.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.support.golden15_runs import OURS, RUNS, audio_of

Json = dict[str, Any]
HEADS = {"num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 8, "sliding_window": 5}
SMALL = {"num_attention_heads": 5, "num_key_value_heads": 1, "head_dim": 24, "sliding_window": 11}
CHANNELS = {"base": 12, "turbo": 10}
HIDDEN = {"base": 72, "turbo": 40}  # of the condition encoder
WIDTH = {"base": 72, "turbo": 88}  # of the transformer: XL's is another one than its conditions'
TEXT = {"base": 48, "turbo": 24}
LAYERS = {"base": 3, "turbo": 5}
STRIDES = {"base": [3, 4, 4, 4, 10], "turbo": [2, 5, 4, 6, 8]}  # 1920 samples a frame, as the released ones


def changed(kind: str, part: str, config: Json) -> Json:
    """A part's config with other sizes."""
    heads = HEADS if kind == "base" else SMALL
    hidden, channels, layers = HIDDEN[kind], CHANNELS[kind], LAYERS[kind]
    types = [("sliding_attention", "full_attention")[n % 2] for n in range(layers)]
    pooled = {"hidden_size": hidden, "intermediate_size": 2 * hidden + 8, "audio_acoustic_hidden_dim": channels}
    few = {"num_attention_pooler_hidden_layers": 3, "layer_types": [types[n % 2] for n in range(3)]}
    sizes: dict[str, Json] = {
        "transformer": {
            **heads, "hidden_size": WIDTH[kind], "intermediate_size": 3 * WIDTH[kind], "encoder_hidden_size": hidden,
            "audio_acoustic_hidden_dim": channels, "in_channels": 3 * channels, "num_hidden_layers": layers,
            "layer_types": types,
        },
        "condition_encoder": {
            **heads, "hidden_size": hidden, "intermediate_size": 2 * hidden + 8, "text_hidden_dim": TEXT[kind],
            "timbre_hidden_dim": channels, "num_lyric_encoder_hidden_layers": 2, "num_timbre_encoder_hidden_layers": 3,
        },
        "audio_tokenizer": {**heads, **pooled, **few, "fsq_dim": hidden},
        "audio_token_detokenizer": {**heads, **pooled, **few},
        "vae": {
            "decoder_channels": 12, "encoder_hidden_size": 2 * channels, "decoder_input_channels": channels,
            "downsampling_ratios": STRIDES[kind],
        },
        "text_encoder": {
            "hidden_size": TEXT[kind], "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 16,
            "intermediate_size": 56, "num_hidden_layers": 2, "layer_types": ["full_attention"] * 2,
        },
    }  # fmt: skip
    return {**config, **sizes[part]}


def write_checkpoint(kind: str, folder: Path) -> Any:
    """The peer's pipeline of other sizes, written to `folder` in its own layout."""
    import diffusers
    import transformers

    kept = OURS / "tiny_checkpoint" / kind
    names = {name: entry[1] for name, entry in json.loads((kept / "model_index.json").read_text()).items()
             if isinstance(entry, list)}  # fmt: skip
    parts: Json = {}
    for name, kind_of in names.items():
        if name in ("scheduler", "tokenizer"):
            shutil.copytree(kept / name, folder / name)
            continue
        config = changed(kind, name, json.loads((kept / name / "config.json").read_text()))
        if name == "text_encoder":
            parts[name] = transformers.Qwen3Model(transformers.Qwen3Config(**config))
        else:
            parts[name] = getattr(diffusers, kind_of).from_config(config)
        parts[name] = drawn(parts[name].eval())
        parts[name].save_pretrained(folder / name)
    shutil.copy(kept / "model_index.json", folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "tokenizer")
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler")
    pipeline = diffusers.AceStepPipeline(**parts, tokenizer=tokenizer, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def drawn(module: Any) -> Any:
    """With a silence that is none, and embeddings and gates that count."""
    generator = torch.Generator().manual_seed(11)
    for name, weight in module.state_dict().items():
        if name.endswith(
            ("silence_latent", "null_condition_emb", "special_token", "special_tokens", "scale_shift_table")
        ):
            weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))
    return module


class Kept:
    """Tensors and runs of one folder."""

    def __init__(self) -> None:
        self.runs: dict[str, Json] = {}
        self.tensors: dict[str, Tensor] = {}

    def run(self, name: str, pipeline: Any) -> None:
        """A pipeline run with another seed: its noise, context, source and mask, latents and samples."""
        run, noise = dict(RUNS[name]), torch.Generator().manual_seed(len(self.runs) + 100)
        audio = ("src_audio", "reference_audio")
        args = {k: audio_of(v) if k in audio else v for k, v in run["args"].items()}
        seen: list[Json] = []
        drawn_noise: list[Tensor] = []
        forward, prepare = pipeline.transformer.forward, pipeline.prepare_latents

        def watched(**given: Any) -> Any:
            seen.append(given)
            return forward(**given)

        def prepared(**given: Any) -> Tensor:
            drawn_noise.append(prepare(**given))
            return drawn_noise[0]

        with mock.patch.object(pipeline.transformer, "forward", watched), torch.inference_mode(), \
                mock.patch.object(pipeline, "prepare_latents", prepared):  # fmt: skip
            latents = pipeline(run["prompt"], **args, generator=noise, output_type="latent").audios
            latents = latents if latents.shape[-1] == drawn_noise[0].shape[-1] else latents.transpose(1, 2)
            audio_made = pipeline.vae.decode(latents.transpose(1, 2)).sample
        made = {
            "noise": drawn_noise[0], "cond": seen[0]["encoder_hidden_states"][:1], "latents": latents,
            "context": seen[0]["context_latents"][:1], "audio_head": audio_made[..., 4000:4256],
        }  # fmt: skip
        self.tensors |= {f"{name}.{key}": tensor.clone().contiguous() for key, tensor in made.items()}
        self.runs[name] = run | {"samples": audio_made.shape[-1], "peak": float(audio_made.abs().max())}

    def transformer(self, kind: str, network: Any) -> dict[str, Tensor]:
        """The cases of the transformer's table, at other lengths."""
        channels, tensors = CHANNELS[kind], {}
        for case, (rows, frames, context) in {"plain": (3, 22, 9), "odd": (1, 31, 4), "long": (1, 144, 33),
                                              "r": (2, 14, 6)}.items():  # fmt: skip
            given = {
                "hidden": torch.randn(rows, frames, channels), "context": torch.randn(rows, frames, 2 * channels),
                "cond": torch.randn(rows, context, HIDDEN[kind]), "timestep": torch.rand(rows),
            }  # fmt: skip
            given["timestep_r"] = torch.rand(rows) if case == "r" else given["timestep"]
            inner: dict[str, Tensor] = {}
            hooks = [
                module.register_forward_hook(partial(_keep, inner, name))
                for name, module in {
                    "layer0": network.layers[0], "layer1": network.layers[1], "layer0.self_attn":
                    network.layers[0].self_attn, "condition_embedder": network.condition_embedder,
                    "time_embed.temb": network.time_embed, "time_embed_r.temb": network.time_embed_r,
                }.items()
            ]  # fmt: skip
            out = network(given["hidden"], given["timestep"], given["timestep_r"], given["cond"], given["context"])
            for hook in hooks:
                hook.remove()
            for key, tensor in {**given, **inner, "out": out.sample}.items():
                tensors[f"{kind}.{case}.{key}"] = tensor.clone().contiguous()
        return tensors


def _keep(into: dict[str, Tensor], name: str, _module: Any, _given: Any, out: Any) -> None:
    into[name] = out[0] if isinstance(out, tuple) else out


def codec(kind: str, network: Any) -> dict[str, Tensor]:
    """The VAE's table."""
    audio, z = 0.3 * torch.randn(1, 2, 5 * 1920 + 77), torch.randn(1, CHANNELS[kind], 7)
    posterior = network.encode(audio).latent_dist
    noise = torch.randn(posterior.mean.shape)
    tensors = {"audio": audio, "mean": posterior.mean, "std": posterior.std, "noise": noise, "z": z,
               "sample": posterior.mean + posterior.std * noise, "decoded": network.decode(z).sample}  # fmt: skip
    return {f"{kind}.{key}": tensor.clone().contiguous() for key, tensor in tensors.items()}


def tokens(kind: str, tokenizer: Any, detokenizer: Any, silence: Tensor) -> dict[str, Tensor]:
    """The audio tokens' table."""
    quantizer, latents = tokenizer.quantizer, torch.randn(2, 18, CHANNELS[kind])
    padded = torch.cat([latents, silence[:, :2].expand(2, -1, -1)], dim=1).unflatten(1, (-1, 5))
    pooled = tokenizer.attention_pooler(tokenizer.audio_acoustic_proj(padded))
    quantized, indices = tokenizer.tokenize(latents, silence)
    fsq_in, ids = torch.randn(1, 40, HIDDEN[kind]), torch.randint(0, 64000, (1, 11))
    fsq_out, fsq_indices = quantizer(fsq_in)
    ids_out = quantizer.get_output_from_indices(ids)
    tensors = {
        "latents": latents, "pooled": pooled, "indices": indices, "quantized": quantized,
        "detokenized": detokenizer(quantized), "fsq_in": fsq_in, "fsq_out": fsq_out, "fsq_indices": fsq_indices,
        "ids": ids, "ids_codes": quantizer.get_codes_from_indices(ids).sum(dim=0), "ids_out": ids_out,
        "ids_detokenized": detokenizer(ids_out),
    }  # fmt: skip
    return {f"{kind}.{key}": tensor.clone().contiguous() for key, tensor in tensors.items()}


def words(kind: str, network: Any) -> dict[str, Tensor]:
    """The text encoder's table."""
    ids = torch.randint(0, 400, (1, 21))
    tensors = {"ids": ids, "hidden": network(ids).last_hidden_state, "embedded": network.embed_tokens(ids)}
    return {f"{kind}.{key}": tensor.clone().contiguous() for key, tensor in tensors.items()}


def conditions(kind: str, network: Any) -> dict[str, Tensor]:
    """The condition encoder's table: two items of other lengths, one of them with two clips."""
    tensors: dict[str, Tensor] = {
        "lyric": torch.randn(2, 17, TEXT[kind]), "lyric_mask": torch.arange(17) < torch.tensor([[17], [9]]),
        "text": torch.randn(2, 13, TEXT[kind]), "text_mask": (torch.arange(13) < torch.tensor([[6], [13]])).long(),
        "reference": torch.randn(3, 26, CHANNELS[kind]), "order": torch.tensor([0, 0, 1]),
    }  # fmt: skip
    given = [tensors[key] for key in ("text", "text_mask", "lyric", "lyric_mask", "reference", "order")]
    packed, packed_mask = network(*given)
    timbre, timbre_mask = network.timbre_encoder(tensors["reference"], tensors["order"])
    tensors |= {
        "packed": packed, "packed_mask": packed_mask, "timbre": timbre, "timbre_mask": timbre_mask,
        "text_out": network.text_projector(tensors["text"]),
        "lyric_out": network.lyric_encoder(inputs_embeds=tensors["lyric"], attention_mask=tensors["lyric_mask"]),
    }  # fmt: skip
    return {f"{kind}.{key}": tensor.clone().contiguous() for key, tensor in tensors.items()}


def adapter(folder: Path, network: Any) -> dict[str, Tensor]:
    """A LoRA of rank 3 and alpha 9 for every attention, written to `folder`, and what it makes of the transformer."""
    places = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "o_proj": "to_out.0"}
    config = json.loads((OURS / "tiny_lora" / "adapter_config.json").read_text()) | {"r": 3, "lora_alpha": 9}
    state, changes = {}, {}
    for layer in range(LAYERS["base"]):
        for attention, (name, place) in product(("self_attn", "cross_attn"), places.items()):
            key = f"layers.{layer}.{attention}"
            weight = network.get_submodule(f"{key}.{place}").weight
            a, b = 0.1 * torch.randn(3, weight.shape[1]), 0.1 * torch.randn(weight.shape[0], 3)
            state |= {f"base_model.model.{key}.{name}.lora_{x}.weight": y for x, y in (("A", a), ("B", b))}
            changes[f"{key}.{place}"] = 3.0 * b @ a
    folder.mkdir()
    save_file(state, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    given = {
        "hidden": torch.randn(1, 18, CHANNELS["base"]), "context": torch.randn(1, 18, 2 * CHANNELS["base"]),
        "cond": torch.randn(1, 7, HIDDEN["base"]), "timestep": torch.rand(1),
    }  # fmt: skip
    made = {}
    for name, share in {"plain": 0.0, "merged_alpha": 1.0, "merged_alpha_weight_0.5": 0.5}.items():
        merged = copy.deepcopy(network)
        for key, change in changes.items():
            merged.get_submodule(key).weight += share * change
        time = given["timestep"]
        made[name] = merged(given["hidden"], time, time, given["cond"], given["context"]).sample
    return {key: tensor.clone().contiguous() for key, tensor in {**given, **made}.items()}


def write(folder: Path) -> None:
    """All of it."""
    torch.manual_seed(5)
    folder.mkdir(parents=True)
    for name in ("prompts.json", "schedules.json", "tolerance.json", "read_goldens.py", "guidance.safetensors"):
        shutil.copy(OURS / name, folder)
    names = ("transformer", "vae", "tokenizer", "text_encoder", "condition", "lora")
    tables: dict[str, dict[str, Tensor]] = {name: {} for name in names}
    kept = Kept()
    from diffusers.models.autoencoders.autoencoder_oobleck import OobleckDiagonalGaussianDistribution as Posterior

    with mock.patch.object(Posterior, "sample", lambda self, generator=None: self.mean):
        for kind in CHANNELS:
            pipeline = write_checkpoint(kind, folder / "tiny_checkpoint" / kind)
            with torch.inference_mode():
                silence = pipeline.condition_encoder.silence_latent
                tables["transformer"] |= kept.transformer(kind, pipeline.transformer)
                tables["vae"] |= codec(kind, pipeline.vae)
                both = pipeline.audio_tokenizer, pipeline.audio_token_detokenizer
                tables["tokenizer"] |= tokens(kind, *both, silence)
                tables["text_encoder"] |= words(kind, pipeline.text_encoder)
                tables["condition"] |= conditions(kind, pipeline.condition_encoder)
                if kind == "base":
                    tables["lora"] = adapter(folder / "tiny_lora", pipeline.transformer)
            for name, run in RUNS.items():
                if run["kind"] == "pipeline" and run["checkpoint"] == kind:
                    kept.run(name, pipeline)
                    print(name, flush=True)
    for name, table in {**tables, "e2e": kept.tensors}.items():
        save_file(table, folder / f"{name}.safetensors")
    meta = json.loads((OURS / "e2e.json").read_text(encoding="utf-8")) | {"runs": kept.runs}
    (folder / "e2e.json").write_text(json.dumps(meta), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
