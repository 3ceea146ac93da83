"""Values that are no numbers: the model's are the model's fault, in words, and never the user's audio's."""

from __future__ import annotations

import pytest
import torch

import engine
from bridge.engine_process.__main__ import _content
from tests.support.paths import TINY


@pytest.mark.parametrize("stage", ["denoise", "decode"])
def test_a_damaged_network_is_named(stage: str) -> None:
    model = engine.load(str(TINY), device="cpu")
    networks = model._placement._networks
    network = networks.transformer if stage == "denoise" else networks.autoencoder.dcae.decoder
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(engine.NotFinite, match=f"in {stage}. Pull the model again") as caught:
        model.render(engine.TextToAudio(tags="house", duration=0.5, number_of_steps=2))
    assert (caught.value.stage, _content(caught.value).code) == (stage, "model_not_finite")
