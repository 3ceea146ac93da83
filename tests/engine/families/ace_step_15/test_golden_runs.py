"""The reference's 34 runs of ACE-Step 1.5: context, source and mask, latents, samples. Another folder's where named."""

from __future__ import annotations

import pytest
import torch

from tests.support.golden15_runs import (
    GOLDEN15,
    LIMIT,
    META,
    MODULE_LIMIT,
    OURS,
    RUNS,
    blends,
    conditioner,
    error,
    levels_of,
    networks,
    parts_errors,
    prompt_of,
    run,
    stored,
    stored_prompt,
    tensors,
)

PIPELINE = [name for name, entry in RUNS.items() if entry["kind"] == "pipeline"]


@pytest.mark.parametrize("name", [name for name in RUNS if not blends(name)])
def test_golden_run_equals_the_reference(name: str) -> None:
    value = error(run(name), stored(name, "latents"))
    assert value <= LIMIT, f"{name}: relative L2 {value:.2e}, limit {LIMIT:.0e}"


@pytest.mark.parametrize("name", RUNS)
def test_golden_context_source_and_mask_equal_the_reference(name: str) -> None:
    """From the run's words and audio alone; the text encoder's right-padding and its masks are nothing to one item."""
    assert max(parts_errors(name).values()) <= MODULE_LIMIT


@pytest.mark.parametrize("name", PIPELINE)
def test_golden_words_tokens_and_levels_are_ours(name: str) -> None:
    entry = RUNS[name]
    assert prompt_of(entry["args"], entry["prompt"]) == stored_prompt(name)
    encoder, texts = networks(entry["checkpoint"]).text_encoder, entry["texts"][0]
    assert encoder.token_ids(texts["text"]) == texts["text_ids"]
    assert encoder.token_ids(texts["lyrics"], 2048) == texts["lyric_ids"]
    torch.testing.assert_close(torch.tensor(levels_of(name)), torch.tensor(entry["timesteps"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", PIPELINE)
def test_golden_samples_equal_the_reference_but_for_its_level(name: str) -> None:
    """The reference scales every result to a peak of -1 dBFS, ours come as decoded: a region keeps its level."""
    autoencoder = networks(RUNS[name]["checkpoint"]).autoencoder
    with torch.inference_mode():
        audio = autoencoder.decode(stored(name, "latents"))
    head = audio[..., 4000:4256]
    assert error(head, tensors()[f"{name}.audio_head"]) <= LIMIT
    assert audio.shape[-1] == RUNS[name]["samples"]
    assert float(audio.abs().max()) == pytest.approx(RUNS[name]["peak"], rel=1e-4)


@pytest.mark.parametrize("name", [name for name in RUNS if "repaint_kept" in name])
def test_golden_restored_runs_are_the_source_outside_the_region(name: str) -> None:
    """Bit for bit, since what is kept goes down to noise level 0 with the source itself."""
    from tests.support.golden15_runs import latents_of, mask_of

    outside = ~mask_of(name)
    assert torch.equal(run(name)[..., outside], latents_of(RUNS[name]["checkpoint"], "six")[..., outside])


def test_golden_blended_cover_is_mended_not_imitated() -> None:
    """diffusers averages two velocities and keeps the cover's source in both; ours switches as the original does."""
    mended = [name for name in RUNS if blends(name)]
    assert all(error(run(name), stored(name, "latents")) > LIMIT for name in mended)
    if GOLDEN15 == OURS:
        assert mended == ["cover_base_blend"] and len(PIPELINE) == 24 and len(RUNS) == 34


def test_an_item_of_a_batch_equals_itself_alone() -> None:
    """diffusers drops the encoder's mask, so that a shorter prompt attends to padding: its item moves by a tenth."""
    from engine.families.ace_step_15.known import known_of, silence_of
    from engine.families.ace_step_15.predictor import ContextPredictor
    from engine.families.ace_step_15.prompt import Prompt

    model, words = networks("base"), conditioner("base")
    assert META["batch_padding_quirk"]["rel_l2"] > 1e-3
    with torch.inference_mode():
        contexts = {"long": words.context(Prompt("a long text of many words", "la la la")), "null": words.null()}
        contexts["short"] = words.context(Prompt("x", ""))
        seen = known_of(silence_of(model.silence, 30))
        state = torch.randn(2, model.config.latent_channels, 1, 30)
        together = ContextPredictor(model.transformer, contexts, lambda _: seen).predict(
            dict.fromkeys(contexts, state), 500.0
        )
        for name, context in contexts.items():
            alone = ContextPredictor(model.transformer, {name: context}, lambda _: seen).predict(
                {name: state[1:]}, 500.0
            )
            assert error(together[name][1:], alone[name]) < 1e-5
