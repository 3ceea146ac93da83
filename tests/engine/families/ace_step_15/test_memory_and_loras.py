"""ACE-Step 1.5 in every memory mode, cancelled, and with LoRAs: through the whole engine, on the tiny checkpoints."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import engine
from engine.errors import Cancelled, CheckpointError
from engine.model import load
from tests.support.checkpoints15 import TINY15, inpaint, model, quick


class TestMemory:
    @pytest.mark.parametrize("mode", ["tiled", "offloaded"])
    def test_modes_give_the_same(self, mode: str) -> None:
        usual = model("base").render(inpaint())
        other = load(TINY15 / "base", device="cpu", memory=mode)
        result = other.render(inpaint())
        assert result.report["memory"] == mode
        np.testing.assert_allclose(result.audio, usual.audio, atol=2e-5)

    def test_int8_rounds_the_blocks_of_every_network(self) -> None:
        from engine.checkpoints.int8 import is_int8

        rounded = load(TINY15 / "base", device="cpu", memory="int8")
        modules: Any = rounded.networks.modules
        for name in ("transformer", "conditions", "audio_tokens", "text_encoder"):
            of_blocks = [w for key, w in modules[name].named_parameters() if ".mlp.up_proj." in key]
            assert of_blocks and all(is_int8(weight) for weight in of_blocks), name
        assert not any(is_int8(weight) for weight in modules["autoencoder"].parameters())
        result, usual = (m.render(inpaint()).latents for m in (rounded, model("base")))
        assert 0 < float(np.abs(result - usual).max()) < 1.0

    def test_half_precision_keeps_state_and_source_in_float32(self) -> None:
        rounded = load(TINY15 / "turbo", device="cpu", dtype="bf16")
        result = rounded.render(inpaint())
        assert result.latents.dtype == np.float32
        outside = ~(result.latents != model().render(inpaint()).latents).any(axis=(0, 1))
        assert outside.sum() > 10

    def test_cancel_stops_between_blocks(self) -> None:
        stop = threading.Event()

        def on_step(progress: engine.Progress) -> None:
            if progress.stage == "denoise":
                stop.set()

        with pytest.raises(Cancelled):
            model().render(engine.TextToAudio(**quick(duration=1.0)), on_step, stop)


class TestLoras:
    def test_a_lora_changes_the_music_and_goes_again(self) -> None:
        own = load(TINY15 / "base", device="cpu")
        request = quick(duration=1.0)
        before = own.render(engine.TextToAudio(**request)).latents
        lora = str(TINY15.parent / "tiny_lora")
        strong = own.render(engine.TextToAudio(**request, lora=[lora])).latents
        weak = own.render(engine.TextToAudio(**request, lora=[lora], lora_weight=[0.01])).latents
        assert 0 < np.abs(weak - before).mean() < np.abs(strong - before).mean()
        assert np.array_equal(own.render(engine.TextToAudio(**request)).latents, before)

    def test_a_lora_of_another_size_is_refused(self, tmp_path: Path) -> None:
        state = load_file(TINY15.parent / "tiny_lora" / "adapter_model.safetensors")
        save_file(
            {key: value[:, :3].contiguous() for key, value in state.items()}, tmp_path / "adapter_model.safetensors"
        )
        with pytest.raises(CheckpointError, match="Use a LoRA that was trained for this model"):
            model("base").render(engine.TextToAudio(**quick(duration=0.5, lora=[str(tmp_path)])))
