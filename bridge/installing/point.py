"""How a thing stands that has to be right: what `status` of an installation and `doctor` tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One thing; `remedy` where it is not `ok`. `optional` points break nothing by themselves."""

    name: str
    ok: bool
    text: str
    remedy: str = ""
    optional: bool = False
