"""ACE-Step 1.5 as `engine.families.family.Family`: its networks put together. Knows no task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.ace_step_15 import load
from engine.checkpoints.ace_step_15.lora import read_lora
from engine.checkpoints.ace_step_15.parts import Networks
from engine.checkpoints.int8 import round_weights
from engine.checkpoints.lora import LoraSet
from engine.families.ace_step_15.conditioner import Conditioner, Velocity, draw_noise
from engine.families.ace_step_15.facts import facts, geometry_of
from engine.families.ace_step_15.known import clip_parts
from engine.families.ace_step_15.levels import Shifted
from engine.families.ace_step_15.reader import Reader
from engine.families.ace_step_15.sizes import AceStep15Sizes, sizes_of
from engine.families.family import LoadedNetworks, Timbre, Use
from engine.families.speed import LIKELY_SECONDS, Speed
from engine.memory.kept_products import settle_choice
from engine.memory.plan import MemoryMode
from engine.memory.processor import rates
from engine.networks.ace_step_15 import oobleck_rows
from engine.networks.ace_step_15.oobleck import OobleckAutoencoder
from engine.networks.ace_step_15.padded_lengths import PaddedTransformer, Shape
from engine.networks.ace_step_15.residual_rows import FASTER
from engine.networks.products import multiply_integers
from engine.requests.resolve import Resolved
from engine.sampling.conditions import NO_ERG, ErgSettings
from engine.sampling.guidance import GuidanceSettings

ROUNDED = ("transformer", "conditions", "audio_tokens", "text_encoder")
LIKELY_CONTEXT = 128  # instruction, caption, metas, a line of lyrics


def load_networks(
    checkpoint: Path, device: torch.device, dtype: torch.dtype, int8: bool = False, stored: torch.device | None = None
) -> Networks:
    """A checkpoint's networks for `device`, their weights on `stored` at first. Raises CheckpointError."""
    codec = torch.float32 if device.type == "cpu" else None  # bfloat16 would leave noise at -40 dB
    networks = load.load_networks(checkpoint, stored or device, dtype, int8, codec)
    if device.type == "cpu":
        _choose_convolutions(networks.autoencoder)
    return replace(networks, device=device, silence=networks.silence.to(device))


def _choose_convolutions(autoencoder: OobleckAutoencoder) -> None:
    """Of a wide autoencoder: in the way that is faster on this processor."""
    halves = (autoencoder.encoder, autoencoder.decoder)
    if all(oobleck_rows.is_wide(half) for half in halves):
        settle_choice(FASTER, "convolutions.json")
        if FASTER.taken:
            oobleck_rows.lay_out(*halves)


def make_family(networks: LoadedNetworks, use: Use, speed: str = "auto") -> AceStep15:
    """Networks of ACE-Step 1.5 as rendering wants them."""
    assert isinstance(networks, Networks)
    return AceStep15(networks, use, speed)


class AceStep15:
    """ACE-Step 1.5 of any size. Contexts and states of texts are kept by content, across jobs."""

    def __init__(self, networks: Networks, use: Use, speed: str = "auto") -> None:
        """`use` is told the network that comes next, by name, so that it can be brought to the device."""
        self._networks = networks
        self._use = use
        transformer = networks.transformer
        self._padded = PaddedTransformer(transformer)
        self._speed = Speed(transformer.evaluate, self._padded, networks.device, speed)
        config, autoencoder = networks.config, networks.autoencoder
        geometry = geometry_of(
            config.latent_channels,
            {"downsampling_ratios": autoencoder.config.downsampling_ratios, "sampling_rate": autoencoder.sample_rate},
        )
        kind = {"is_turbo": config.is_turbo, "model_version": config.model_version}
        self.facts = facts(geometry, kind, networks.source.name)
        self.autoencoder = autoencoder
        self.loras = LoraSet(networks.transformer, read_lora)
        self._conditioner = Conditioner(networks, use)

    def velocity(self, resolved: Resolved) -> Velocity:
        """With the noise levels that the request asks for."""
        return Velocity(self._conditioner, Shifted(resolved.shift or self.facts.default_request["shift"]))

    def clip_parts(self, samples: int, sample_rate: int) -> list[tuple[int, int]]:
        """30 s from three places."""
        return clip_parts(samples, sample_rate)

    def reader(self, resolved: Resolved, timbre: Timbre | None = None) -> Reader:
        """Instruction, caption, metas, lyrics."""
        count = self._networks.text_encoder.count
        config = self._networks.config
        return Reader(
            resolved, self.facts.geometry.frame_rate, count, config.is_turbo, config.wants_stem_captions, timbre
        )

    def draw_noise(self, generator: torch.Generator, frames: int) -> Tensor:
        """(1, C, 1, frames) float32 on the CPU."""
        return draw_noise(generator, frames, self._networks.config.latent_channels)

    def limited_erg(self, erg: ErgSettings) -> ErgSettings:
        """None: the model has no such layers."""
        return NO_ERG

    def limited_guidance(self, guidance: GuidanceSettings) -> GuidanceSettings:
        """None for a distilled model, nor for a scale of 1 or less."""
        off = self._networks.config.is_turbo or (guidance.scale <= 1.0 and not guidance.double)
        return replace(guidance, scale=1.0, double=False) if off else guidance

    def sizes(self) -> AceStep15Sizes:
        """Bytes of the weights as they are now."""
        return sizes_of(self._networks)

    def enter(self, mode: MemoryMode, between: Callable[[], None]) -> None:
        """Encode in tiles as long as those that are decoded. No graphs where weights move or are rounded."""
        self.autoencoder.encode_tile_frames = mode.tile_frames
        self._conditioner.evaluate = self._speed.evaluate(mode.offloads or mode.int8, between)

    def warm_up(self, guard: Callable[[], AbstractContextManager[bool]]) -> None:
        """Prepare graphs of likely lengths."""
        self._speed.warm_up(guard, self._likely_shapes())

    def _likely_shapes(self) -> Iterator[Shape]:
        guided = () if self._networks.config.is_turbo else ((1, 1),)
        for seconds in LIKELY_SECONDS:
            frames = self.facts.geometry.frames_of(seconds)
            yield Shape(self._padded.frames_for(frames), ((1, LIKELY_CONTEXT), *guided))

    def free_prepared(self) -> None:
        """Free what graphs hold."""
        self._speed.reset()

    def forget_contexts(self) -> None:
        """Contexts are of the condition encoder, which LoRAs leave alone."""

    def round_weights(self) -> None:
        """All but the autoencoder; what was made with the others is forgotten."""
        for name in ROUNDED:
            if name in self._networks.modules:
                round_weights(self._networks.modules[name])
        if self._networks.device.type == "cpu" and rates().integers_pay:
            multiply_integers(self._networks.transformer)
        self._conditioner = Conditioner(self._networks, self._use)
