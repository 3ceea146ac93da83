"""How many linked machines a job goes through. Knows no engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.protocol.errors import refused
from bridge.protocol.linked import LINKS, MOST_LINKS, Linked


def links_of(client_data: Mapping[str, Any]) -> int:
    """How many linked machines a job went through, as the one before says; 0 for what is no number."""
    links = client_data.get(LINKS, 0)
    return links if isinstance(links, int) else 0


def check_no_circle(linked: Linked | None, client_data: Mapping[str, Any] | None) -> None:
    """Two machines that are each linked to the other would hand a job on for ever. Raises RequestFailed."""
    links = links_of(client_data or {})
    if linked is not None and links >= MOST_LINKS:
        expected = f"at most {MOST_LINKS}, the last of which renders by itself"
        remedy = "On the machine that is to render: acestep-bridge link --remove."
        raise refused("not_allowed", None, f"a job that went through {links} linked machines", expected, remedy)
