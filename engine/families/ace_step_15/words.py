"""What ACE-Step 1.5 reads of a request: its two texts, and what it is shown of the source. Knows no network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.families.ace_step_15.prompt import INSTRUMENTAL, Prompt, lyrics_of
from engine.families.family import Timbre

Sees = Literal["silence", "gaps", "source", "codes"]


@dataclass(frozen=True)
class Words:
    """`prompt` is that of the task, `plain` that of text to music with the same caption and lyrics.

    `sees` is the source that the transformer is shown: silence, the source with gaps of silence where it is
    regenerated, the source, or what is left of it after its codes. `timbre` is the clip that is named.
    """

    prompt: Prompt
    plain: str
    sees: Sees = "silence"
    sung: bool = False
    timbre: Timbre | None = None

    def without_source(self) -> Words:
        """The same music, asked for as if there were no source."""
        return replace(self, prompt=Prompt(self.plain, self.prompt.lyrics), sees="silence")

    def without_lyrics(self) -> Words:
        """The same music with nothing sung."""
        return replace(self, prompt=Prompt(self.prompt.text, lyrics_of(INSTRUMENTAL)), sung=False)
