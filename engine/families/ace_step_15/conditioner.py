"""Contexts of ACE-Step 1.5, kept by content, and what its transformer is shown of a source.

Knows the text encoder, the condition encoder and the audio tokens; knows no schedule and no task.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial

import torch
from torch import Tensor

from engine.checkpoints.ace_step_15.parts import Networks
from engine.errors import CheckpointError
from engine.families.ace_step_15.known import clip_frames, known_of, repaint_source, silence_of
from engine.families.ace_step_15.levels import Shifted
from engine.families.ace_step_15.predictor import ContextPredictor, Evaluate, KnownOf
from engine.families.ace_step_15.prompt import Prompt
from engine.families.ace_step_15.words import Words
from engine.families.family import Timbre
from engine.families.kept import KeptByContent
from engine.sampling.conditions import NO_ERG, Condition, ErgSettings, Known
from engine.sampling.guidance import Pass


class Conditioner:
    """Makes contexts of one row each, and keeps them across jobs. `evaluate` is how predictors ask the transformer."""

    def __init__(self, networks: Networks, use: Callable[[str], None] | None = None) -> None:
        """`use` is told which network comes next, by name, so that it can be brought to the device."""
        self._networks = networks
        self._use = use or (lambda _: None)
        self._texts: KeptByContent[str] = KeptByContent()
        self._contexts: KeptByContent[tuple[Prompt, str]] = KeptByContent()
        self.evaluate: Evaluate = networks.transformer.evaluate

    def clear_contexts(self) -> None:
        """Forget contexts; states of texts stay."""
        self._contexts.clear()

    def predictor(self, conditions: Mapping[Hashable, Condition], known: Known | None = None) -> ContextPredictor:
        """A predictor with the contexts of these conditions, which see the same of the source."""
        contexts = {name: self._context_of(condition) for name, condition in conditions.items()}
        seen = self._seen(next(iter(conditions.values())), known)
        self._use("transformer")
        device = self._networks.device
        there = {name: context.to(device) for name, context in contexts.items()}
        return ContextPredictor(self._networks.transformer, there, seen, self.evaluate)

    def context(self, prompt: Prompt, clip: Timbre | None = None) -> Tensor:
        """The context of a prompt, (1, S, D); without a clip the timbre is that of silence."""
        return self._contexts.get((prompt, clip.name if clip else ""), lambda: self._make(prompt, clip))

    def null(self) -> Tensor:
        """The context of the unconditional pass, (1, 1, D)."""
        return self._networks.conditions.null()

    def _context_of(self, condition: Condition) -> Tensor:
        words = words_of(condition)
        if condition.which is Pass.UNCONDITIONAL:
            return self.null()
        shown = words.without_lyrics() if condition.which is Pass.TEXT_ONLY else words
        return self.context(shown.prompt, words.timbre)

    def _seen(self, condition: Condition, known: Known | None) -> KnownOf:
        """Source and mask for states of so many frames."""
        sees, silence = words_of(condition).sees, self._networks.silence
        if known is None or sees == "silence":
            return lambda frames: known_of(silence_of(silence, frames))
        mask = None if known.made is None else known.made[0, 0, 0]
        source = known.source.to(silence)
        if sees == "codes":
            source = self._through_codes(source)
        elif sees == "gaps" and mask is not None:
            source = repaint_source(source, silence, mask)
        shown = known_of(source, mask)
        return lambda _: shown

    def _through_codes(self, source: Tensor) -> Tensor:
        tokens = self._networks.audio_tokens
        if tokens is None:
            raise CheckpointError(
                f"{self._networks.source}: comes without audio_tokenizer and audio_token_detokenizer, which a cover "
                "needs. Use edit_mode reference or lyrics, or a checkpoint in the original layout."
            )
        self._use("audio_tokens")
        return tokens.through(source, self._networks.silence)

    def _make(self, prompt: Prompt, clip: Timbre | None) -> Tensor:
        text = self._texts.get(prompt.text, partial(self._states, prompt.text))
        self._use("text_encoder")
        lyrics = self._networks.text_encoder.embed(prompt.lyrics)
        self._use("conditions")
        conditions, silence = self._networks.conditions, self._networks.silence
        device, frames = conditions.null_condition_emb.device, conditions.config.timbre_frames
        latents = silence_of(silence, frames) if clip is None else clip.latents
        clips = clip_frames(latents.to(device), silence.to(device), frames)
        conditions_tensor: Tensor = conditions(lyrics.to(device), clips, text.to(device))
        return conditions_tensor

    def _states(self, text: str) -> Tensor:
        self._use("text_encoder")
        return self._networks.text_encoder.encode(text)


def words_of(condition: Condition) -> Words:
    """The words that a condition is made under."""
    words = condition.words
    assert isinstance(words, Words)
    return words.without_source() if condition.without_source else words


class Velocity:
    """`engine.sampling.conditions.VelocityModel`: a conditioner with the noise levels of one request."""

    def __init__(self, conditioner: Conditioner, levels: Shifted) -> None:
        self._conditioner = conditioner
        self.levels = levels
        self.remixes_by_cover = True

    def predictor(
        self, conditions: Mapping[Hashable, Condition], erg: ErgSettings = NO_ERG, known: Known | None = None
    ) -> ContextPredictor:
        """See `Conditioner.predictor`; the model knows no entropy-rectifying guidance."""
        return self._conditioner.predictor(conditions, known)


def draw_noise(generator: torch.Generator, frames: int, channels: int) -> Tensor:
    """Noise as the references draw it on a CPU, frame by frame: (1, C, 1, frames) float32."""
    return torch.randn((1, frames, channels), generator=generator).transpose(1, 2)[:, :, None].contiguous()
