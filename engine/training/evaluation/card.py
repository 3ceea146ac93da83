"""Puts the evaluation's table into a model card, between its marks. Knows no model and no rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.training.evaluation.figures import Line, markdown


def write_table(card: Path, lines: Sequence[Line], name: str = "measured") -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`. Raises ValueError if the marks are missing."""
    text = card.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text or end not in text:
        raise ValueError(f"{card}: got no {begin} ... {end}, expected both; put them where the table should stand")
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    card.write_text(f"{before}{begin}\n{markdown(lines)}\n{end}{after}", encoding="utf-8")
