"""What ACE-Step 1.5's transformer sees beside the noisy latents: a source for every frame, and a mask.

    task             source                                       mask
    text to music    silence                                      1
    codes, cover     what the codes of the source decode to       1
    cover-nofsq      the source's latents                         1
    repaint          the source, silence in the region            1 in the region, 0 outside
    lego             the source everywhere                        as repaint; 1 without a region
    extract,complete the source everywhere                        1

Silence is the latent of silence at the same frame numbers. Latents are (1 or B, C, 1, T) float32. Knows no words.
"""

from __future__ import annotations

import torch
from torch import Tensor


def silence_of(silence: Tensor, frames: int) -> Tensor:
    """The first frames of the stored silence (1, C, 1, F), from its beginning again where it is shorter."""
    repeats = -(-frames // silence.shape[-1])
    return silence.repeat(1, 1, 1, repeats)[..., :frames]


def known_of(source: Tensor, mask: Tensor | None = None) -> Tensor:
    """Source (B, C, 1, T) and mask, bool (T,), None: all is made -> (B, 2 C, 1, T)."""
    new = source.new_ones(source.shape[-1]) if mask is None else mask.to(source)
    return torch.cat([source, new.expand_as(source)], dim=1)


def repaint_source(source: Tensor, silence: Tensor, mask: Tensor) -> Tensor:
    """The source with silence where `mask` (T,) says that it is regenerated."""
    return torch.where(mask.to(source.device), silence_of(silence, source.shape[-1]).to(source), source)


def padded_source(source: Tensor, silence: Tensor, frames: int) -> Tensor:
    """A source as long as `frames`: cut, or with silence after it."""
    missing = frames - source.shape[-1]
    if missing <= 0:
        return source[..., :frames]
    after = silence_of(silence, frames)[..., source.shape[-1] :].to(source)
    return torch.cat([source, after.expand(source.shape[0], -1, -1, -1)], dim=-1)


def outpaint_source(source: Tensor, silence: Tensor, before: int, after: int) -> Tensor:
    """The source with frames of silence before and after it: not the latents of zeros."""
    frames = before + source.shape[-1] + after
    around = silence_of(silence, frames).to(source).expand(source.shape[0], -1, -1, -1)
    return torch.cat([around[..., :before], source, around[..., frames - after :]], dim=-1)


def clip_parts(samples: int, sample_rate: int, part_seconds: float = 10.0) -> list[tuple[int, int]]:
    """The spans [start, stop) that make 30 s of a reference clip: from the front, from a third, from the end.

    A shorter clip is repeated first, so that a span may come back.
    """
    part = int(part_seconds * sample_rate)
    total = samples if samples >= 3 * part else samples * -(-3 * part // samples)
    spans = []
    for start in (0, total // 3, total - part):
        at, end = start, start + part
        while at < end:
            stop = min(end, (at // samples + 1) * samples)
            spans.append((at % samples, at % samples + stop - at))
            at = stop
    return spans


def clip_frames(latents: Tensor, silence: Tensor, frames: int) -> Tensor:
    """A clip's latents (N, C, 1, T) as the timbre encoder reads them: (N, frames, C), silence after a short one."""
    return padded_source(latents, silence, frames)[:, :, 0].transpose(1, 2)


def region_mask(frames: int, start_seconds: float, end_seconds: float | None, frame_rate: float) -> Tensor:
    """Frames int(start * rate) to int(end * rate), at least one: bool (frames,)."""
    first = min(max(int(start_seconds * frame_rate), 0), frames - 1)
    last = frames if end_seconds is None else min(int(end_seconds * frame_rate), frames)
    mask = torch.zeros(frames, dtype=torch.bool)
    mask[first : max(last, first + 1)] = True
    return mask
