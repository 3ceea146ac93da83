"""The seam report in words: the sentences that the engine wrote into it, or its numbers. Knows no measurement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SENTENCES = "words"


def seam_in_words(report: Mapping[str, Any]) -> list[str]:
    """One sentence a finding."""
    sentences = report.get(SENTENCES)
    if isinstance(sentences, list):
        return [str(sentence) for sentence in sentences]
    return [f"{name.replace('_', ' ')}: {_number(value)}" for name, value in report.items() if value is not None]


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
