"""Peers by TCP that connect and say nothing do not stay, and do not keep others out for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bridge.osc.transport import tcp
from bridge.osc.transport.listening import bound_sockets
from bridge.osc.transport.packets import encode


class Callbacks:
    """Counts who has gone."""

    def __init__(self) -> None:
        self.gone = 0

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None

    def on_gone(self, peer: Any) -> None:
        self.gone += 1


def test_silent_peers_are_let_go_and_streams_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "FIRST_BYTE_SECONDS", 0.2)
    monkeypatch.setattr(tcp, "MOST_STREAMS", 3)

    async def run() -> None:
        udp, stream = bound_sockets("127.0.0.1", 0)
        udp.close()
        surface, callbacks = tcp.TcpSurface(stream), Callbacks()
        port = stream.getsockname()[1]
        await surface.open(callbacks)  # type: ignore[arg-type]
        peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        for reader, writer in peers:
            assert await reader.read() == b""  # closed, whether it was one too many or silent
            writer.close()
        assert callbacks.gone == 5
        speaking = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in speaking:
            packet = encode("/acestep/ping", 1)
            writer.write(len(packet).to_bytes(4, "big") + packet)
        await asyncio.sleep(0.5)
        assert callbacks.gone == 5  # who has spoken may be silent for hours, and nobody takes its place
        late, last = await asyncio.open_connection("127.0.0.1", port)
        assert await late.read() == b""
        for _, writer in (*speaking, (late, last)):
            writer.close()
        await surface.close()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as loop:
        loop.run(run())
