"""What v1's transformer attends to: contexts of tags and lyrics, made once and kept by content.

Knows the text encoder and the transformer's context encoder; knows no schedule, no latents and no task. "Weakened"
is entropy-rectifying guidance (arXiv 2506.00045): queries of a few layers are multiplied by 0.01.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.constants import SPEAKER_DIM
from engine.families.v1.levels import ShiftedTwice
from engine.families.v1.predictor import WEAKENING, ContextPredictor, Evaluate
from engine.networks.transformer import Context
from engine.sampling.conditions import NO_ERG, Condition, ErgSettings, Known
from engine.sampling.guidance import Pass

if TYPE_CHECKING:
    from engine.networks.config import ErgLayers
    from engine.networks.text_encoder import TextEncoder
    from engine.networks.transformer import Transformer

CACHE_ENTRIES, CACHE_BYTES = 64, 64 << 20  # of text states, and of contexts; the newest stays whatever its size
_T = TypeVar("_T")


@dataclass(frozen=True)
class Words:
    """Tags, and the ids that go through the lyric path (empty: nothing is sung)."""

    tags: str
    lyric_ids: tuple[int, ...] = ()

    @property
    def sung(self) -> bool:
        """Whether any id says something."""
        return any(self.lyric_ids)


def limited_to(erg: ErgSettings, layers: ErgLayers) -> ErgSettings:
    """Only the parts of `erg` for which the model has layers."""
    return ErgSettings(
        erg.tag and bool(layers.text),
        erg.lyric and bool(layers.lyric),
        erg.diffusion and bool(layers.transformer),
    )


@dataclass(frozen=True)
class Wanted:
    """One context: `text` is "plain", "weakened" or "zero"; `lyrics` "plain", "weakened", "zero" or "hidden"."""

    words: Words
    text: str = "plain"
    lyrics: str = "plain"


def wanted_context(condition: Condition, erg: ErgSettings) -> Wanted:
    """The context of a pass, as the reference makes it. Without `erg.lyric`, `erg.tag` has no effect there."""
    words, which = condition.words, condition.which
    assert isinstance(words, Words)
    if which is Pass.CONDITIONAL:
        return Wanted(words)
    if condition.hides_lyrics:
        return Wanted(words, "zero", "hidden")
    lyrics = "weakened" if erg.lyric else "zero"
    if which is Pass.TEXT_ONLY:
        return Wanted(words, "plain", lyrics)
    return Wanted(words, "weakened" if erg.lyric and erg.tag else "zero", lyrics)


class Conditioner:
    """Makes contexts, and keeps text states and contexts by content, across jobs.

    `evaluate` is how predictors ask the transformer for a velocity.
    """

    def __init__(
        self, transformer: Transformer, text_encoder: TextEncoder, use: Callable[[str], None] | None = None
    ) -> None:
        """`use` is told which network comes next, by name, so that it can be brought to the device."""
        self.transformer = transformer
        self.levels = ShiftedTwice()
        self.remixes_by_cover = False
        self.evaluate: Evaluate = transformer.evaluate
        self._text_encoder = text_encoder
        self._use = use or (lambda _: None)
        self._texts: OrderedDict[tuple[str, bool], Tensor] = OrderedDict()
        self._contexts: OrderedDict[Wanted, Context] = OrderedDict()

    def predictor(
        self, conditions: Mapping[Hashable, Condition], erg: ErgSettings = NO_ERG, known: Known | None = None
    ) -> ContextPredictor:
        """A predictor with the contexts of these conditions; with `erg.diffusion` unconditional ones are weakened."""
        prepared = self.contexts(wanted_context(condition, erg) for condition in conditions.values())
        contexts = dict(zip(conditions, prepared, strict=True))
        weakened = [n for n, c in conditions.items() if erg.diffusion and c.which is Pass.UNCONDITIONAL]
        return ContextPredictor(self.transformer, contexts, weakened, self.evaluate, self._seen(known))

    def _seen(self, known: Known | None) -> Tensor | None:
        """What a model with `region_input` sees: (B, 9, 16, T), the kept latents and 1 where they are; None else."""
        if known is None or known.made is None or not self.transformer.config.region_input:
            return None
        source = known.source
        kept = (~known.made).to(source.dtype).expand(source.shape[0], 1, *source.shape[2:])
        return torch.cat([source * kept, kept], dim=1)

    def clear_contexts(self) -> None:
        """Forget contexts (the transformer's weights changed); text states stay."""
        self._contexts.clear()

    def text_states(self, tags: str, weakened: bool = False) -> Tensor:
        """The text encoder's states of the tags, (1, S, Dt)."""

        def make() -> Tensor:
            self._use("text_encoder")
            return self._text_encoder.encode(tags, WEAKENING if weakened else 1.0)[0]

        return _kept(self._texts, (tags, weakened), make)

    def put_text_states(self, tags: str, states: Tensor, weakened: bool = False) -> None:
        """Use these states (1, S, Dt) for the tags."""
        self._texts[(tags, weakened)] = states

    def contexts(self, wanted: Iterable[Wanted]) -> list[Context]:
        """Contexts of one row each: hidden (1, 1 + S + L, D), mask (1, 1 + S + L). The transformer is ready after."""
        wanted = list(wanted)
        for one in wanted:
            if one not in self._contexts:
                self.text_states(one.words.tags, one.text == "weakened")
        self._use("transformer")
        return [_kept(self._contexts, one, partial(self._make, one)) for one in wanted]

    def _make(self, wanted: Wanted) -> Context:
        transformer = self.transformer
        device = transformer.speaker_embedder.weight.device
        text = self.text_states(wanted.words.tags, wanted.text == "weakened").to(device)
        spare = max(0, transformer.config.text_length - text.shape[1])
        ids = torch.tensor([wanted.words.lyric_ids or (0,)], device=device)
        sung = bool(wanted.words.lyric_ids) and wanted.lyrics != "hidden"
        scale = torch.full((1,), WEAKENING, device=device) if wanted.lyrics == "weakened" else None
        return transformer.encode_context(
            F.pad(torch.zeros_like(text) if wanted.text == "zero" else text, (0, 0, 0, spare)),
            F.pad(torch.ones(text.shape[:2], dtype=torch.long, device=device), (0, spare)),
            torch.zeros(1, SPEAKER_DIM, device=device),
            torch.zeros_like(ids) if wanted.lyrics in ("zero", "hidden") else ids,
            torch.full_like(ids, int(sung)),
            scale,
        )


def _kept(cache: OrderedDict[Any, _T], key: object, make: Callable[[], _T]) -> _T:
    if key not in cache:
        cache[key] = make()
        while len(cache) > CACHE_ENTRIES or (
            len(cache) > 1 and sum(_bytes(kept) for kept in cache.values()) > CACHE_BYTES
        ):
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]


def _bytes(kept: Any) -> int:
    return (kept if isinstance(kept, Tensor) else kept.hidden).nbytes
