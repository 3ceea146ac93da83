"""The seam report in words. Knows its names and units, not how they are measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def seam_in_words(report: Mapping[str, Any]) -> list[str]:
    """One sentence a measurement that the report holds."""
    lines = []
    for name, value in report.items():
        words = _words(name, value)
        if words:
            lines.append(words)
    return lines


def _words(name: str, value: Any) -> str:
    if value is None:
        return ""
    label = name.replace("_", " ")
    if isinstance(value, Mapping):
        inner = ", ".join(f"{k.replace('_', ' ')} {_number(v)}" for k, v in value.items() if v is not None)
        return f"{label}: {inner}" if inner else ""
    if isinstance(value, list | tuple):
        return f"{label}: {', '.join(_number(v) for v in value)}"
    return f"{label}: {_number(value)}"


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
