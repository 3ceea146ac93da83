"""What the machine that renders for this one has. Knows the link, no rendering."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bridge.client.aio import AsyncClient
from bridge.client.transport import Timeouts
from bridge.protocol import messages as m
from bridge.protocol.errors import BridgeError
from bridge.protocol.linked import Linked, linked_path

SECONDS = 5.0


async def models_there(home: Path, linked: Linked) -> m.ModelsReply:
    """The models of the linked machine; only the one known of it, with what to do, where it does not answer."""
    limits = Timeouts(connect=SECONDS, reply=SECONDS)
    try:
        async with await AsyncClient.connect(home, linked_path(home), limits) as client:
            reply = await client.models()
    except BridgeError:
        return m.ModelsReply(models=[_silent(linked)], default=linked.model.name)
    return m.ModelsReply(models=[_of(linked, entry) for entry in reply.models], default=linked.model.name)


def _of(linked: Linked, entry: m.ModelEntry) -> m.ModelEntry:
    remedy = f"on {linked.name}: {entry.remedy}" if entry.remedy else ""
    return msgspec.structs.replace(entry, machine=linked.name, remedy=remedy)


def _silent(linked: Linked) -> m.ModelEntry:
    return m.ModelEntry(
        name=linked.model.name,
        description=linked.model.description,
        available=False,
        machine=linked.name,
        remedy=f"{linked.name} does not answer: start its daemon there, or `acestep-bridge link --remove`.",
    )
