"""What is known of a model before it is loaded: enough to settle and check its requests. Knows no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.geometry import Geometry


@dataclass(frozen=True)
class Facts:
    """`default_request` holds the values of request fields that the model prefers where none are given.

    `has_lyric_vocabulary`: lyrics become v1's token ids, which can be counted without loading the model.
    """

    family: str
    geometry: Geometry
    default_request: Mapping[str, Any] = field(default_factory=dict)
    has_lyric_vocabulary: bool = True
