"""An item's fades: their lengths, shapes, and the fade that makes up for another one. Knows no audio.

FADEIN and FADEOUT: shape, seconds, seconds of an automatic crossfade (counts where above 0), shape again, flags,
curvature. Shapes: 0 linear, 1 and 2 quadratic (bulging up and down), 3 and 4 the same with the power 4, 5 and 6 S.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.rpp.text import Block, decimal, number

_OPPOSITE = {0: 0, 1: 2, 2: 1, 3: 4, 4: 3, 5: 5, 6: 6}  # the one rises by what the other falls


@dataclass(frozen=True)
class Fade:
    """`seconds` of the project; `shape` as REAPER counts."""

    seconds: float = 0.01
    shape: int = 1

    def line(self, key: str) -> str:
        """The line with this key, FADEIN or FADEOUT."""
        return f"{key} {self.shape} {decimal(self.seconds)} 0 {self.shape} 0 0"

    def opposite(self, seconds: float) -> Fade:
        """The fade over `seconds` that adds up with this one to full level."""
        return Fade(seconds, _OPPOSITE.get(self.shape, 0))


SHORT_FADE = Fade()


def read_fade(item: Block, key: str) -> Fade:
    """The fade of an ITEM block; none where it has no such line."""
    line = item.line(key)
    if line is None:
        return Fade(0.0)
    automatic = number(line, 3, 0.0)
    seconds = automatic if automatic > 0 else number(line, 2, 0.0)
    return Fade(max(seconds, 0.0), int(number(line, 4, number(line, 1, 0.0))))
