"""How much audio each client of another machine may have sent. The user of this machine has the disk.

What a client has sent counts until no job of its needs it any more; what was rendered for it does not: `jobs keep`
limits that. Knows the store of audio and who sent what; no frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bridge.daemon.dispatch import Peer
from bridge.daemon.durable.threads import FileThreads
from bridge.files import Attached, AudioStore
from bridge.jobs import JobStore
from bridge.protocol.errors import refused

_REMEDY = "Delete finished jobs, or raise it on that machine: acestep-bridge serve --client-quota-gb"


class Quota:
    """`most` bytes for each client. All methods are called on one running loop."""

    def __init__(self, store: JobStore, audio: AudioStore, threads: FileThreads, most: int) -> None:
        self._store, self._audio, self._threads, self._most = store, audio, threads, most
        self._sizes: dict[str, int] = {}  # of files by their hash, which never change
        self._coming: Counter[str] = Counter()  # bytes of requests under way, by client

    @asynccontextmanager
    async def room(self, peer: Peer, attached: Attached, audio: Iterable[Any] = ()) -> AsyncIterator[None]:
        """Room for what a request brings, until it is answered. Raises RequestFailed (quota_exceeded) where there is
        none. `audio` are the values of its fields that hold audio; what is behind a URL counts once it is here.
        """
        size = 0 if peer.is_local else self._size_of(peer, attached, audio)
        if not size:
            yield
            return
        self._coming[peer.name] += size
        try:
            taken = await self._sent(peer.name) + self._coming[peer.name] - size
            if taken + size > self._most:
                raise self._refusal(size, taken)
            yield
        finally:
            self._coming[peer.name] -= size

    def _size_of(self, peer: Peer, attached: Attached, audio: Iterable[Any]) -> int:
        """Bytes that this client has not sent before."""
        new = {
            digest: memoryview(data).nbytes
            for data, digest in zip(attached.buffers, attached.hashes, strict=True)
            if not self._store.knows(peer.name, digest)
        }
        written = (len(value) * 3 // 4 for value in audio if isinstance(value, str) and value.startswith("data:"))
        return sum(new.values()) + sum(written)

    async def _sent(self, owner: str) -> int:
        sent = self._store.sent(owner)
        unknown = [digest for digest in sent if digest not in self._sizes]
        if unknown:
            self._sizes.update(await self._threads.run(_sizes, self._audio, unknown))
        return sum(self._sizes.get(digest, 0) for digest in sent)

    def _refusal(self, size: int, taken: int) -> Exception:
        got = f"{size / 1e6:.1f} MB more than the {taken / 1e9:.3g} GB that this client has sent"
        return refused("quota_exceeded", "audio", got, f"at most {self._most / 1e9:.3g} GB of a client", f"{_REMEDY}.")


def _sizes(audio: AudioStore, digests: Sequence[str]) -> dict[str, int]:
    """Bytes of those that are there."""
    found = ((digest, audio.find(digest)) for digest in digests)
    return {digest: path.stat().st_size for digest, path in found if path is not None}
