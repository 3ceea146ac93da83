"""What the machine that renders for this one has. Knows the link, no rendering."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from bridge.client.aio import AsyncClient
from bridge.client.link_state import REMOVE, LinkState, link_state
from bridge.client.transport import Timeouts
from bridge.protocol import messages as m
from bridge.protocol.errors import BridgeError
from bridge.protocol.linked import Linked, linked_path

SECONDS = 5.0


async def models_there(home: Path, linked: Linked) -> m.ModelsReply:
    """The models of the linked machine; only the one known of it, with what to do, where it does not answer."""
    limits = Timeouts(connect=SECONDS, reply=SECONDS)
    link = linked_path(home)
    try:
        async with await AsyncClient.connect(home, link, limits) as client:
            reply = await client.models()
    except BridgeError:
        state = await asyncio.to_thread(link_state, home, link, SECONDS)
        return m.ModelsReply(models=[_silent(linked, state)], default=linked.model.name)
    return m.ModelsReply(
        models=[_of(linked, entry) for entry in reply.models],
        default=linked.model.name,
        default_tasks=reply.default_tasks,
    )


def _of(linked: Linked, entry: m.ModelEntry) -> m.ModelEntry:
    remedy = f"on {linked.name}: {entry.remedy}" if entry.remedy else ""
    return msgspec.structs.replace(entry, machine=linked.name, remedy=remedy)


def _silent(linked: Linked, state: LinkState) -> m.ModelEntry:
    return m.ModelEntry(
        name=linked.model.name,
        description=linked.model.description,
        available=False,
        machine=linked.name,
        remedy=f"{state.sentence} {REMOVE}",
    )
