"""Contexts of ACE-Step 1.5: a prompt and a timbre clip to what the frames attend to, kept by content.

Knows the text encoder and the condition encoder; knows no schedule and no task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from engine.checkpoints.ace_step_15.parts import Networks
from engine.families.ace_step_15.known import clip_frames, silence_of
from engine.families.ace_step_15.prompt import Prompt
from engine.families.kept import KeptByContent


@dataclass(frozen=True, eq=False)
class Clip:
    """A timbre clip: latents (1, C, 1, T), and a name that says what they are."""

    latents: Tensor
    name: str


class Conditioner:
    """Makes contexts of one row each, and keeps them across jobs."""

    def __init__(self, networks: Networks, use: Callable[[str], None] | None = None) -> None:
        """`use` is told which network comes next, by name, so that it can be brought to the device."""
        self._networks = networks
        self._use = use or (lambda _: None)
        self._texts: KeptByContent[str] = KeptByContent()
        self._contexts: KeptByContent[tuple[Prompt, str]] = KeptByContent()

    def clear_contexts(self) -> None:
        """Forget contexts; states of texts stay."""
        self._contexts.clear()

    def context(self, prompt: Prompt, clip: Clip | None = None) -> Tensor:
        """The context of a prompt, (1, S, D); without a clip the timbre is that of silence."""
        return self._contexts.get((prompt, clip.name if clip else ""), lambda: self._make(prompt, clip))

    def null(self) -> Tensor:
        """The context of the unconditional pass, (1, 1, D)."""
        return self._networks.conditions.null()

    def _make(self, prompt: Prompt, clip: Clip | None) -> Tensor:
        text = self._texts.get(prompt.text, lambda: self._states(prompt.text))
        self._use("text_encoder")
        lyrics = self._networks.text_encoder.embed(prompt.lyrics)
        self._use("conditions")
        conditions, silence = self._networks.conditions, self._networks.silence
        device, frames = conditions.null_condition_emb.device, conditions.config.timbre_frames
        latents = silence_of(silence, frames) if clip is None else clip.latents
        clips = clip_frames(latents.to(device), silence.to(device), frames)
        made: Tensor = conditions(lyrics.to(device), clips, text.to(device))
        return made

    def _states(self, text: str) -> Tensor:
        self._use("text_encoder")
        return self._networks.text_encoder.encode(text)
