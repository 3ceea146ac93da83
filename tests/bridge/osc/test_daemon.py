"""The controller with a real daemon process that plays sines: a render over TCP, a daemon that dies and comes back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bridge.client import AsyncClient, Timeouts
from bridge.osc.daemon.daemon import ClientDaemon
from bridge.osc.transport.packets import decode, encode
from tests.support import daemons
from tests.support.osc import Surface, running
from tests.support.patience import HANG_SECONDS


async def client_of(home: Path) -> AsyncClient:
    return await AsyncClient.connect(home, timeouts=Timeouts(connect=60.0, reply=HANG_SECONDS, reconnect=60.0))


def test_a_render_over_tcp(tmp_path):
    async def scenario() -> None:
        async with await client_of(tmp_path / "home") as client, running(ClientDaemon(client), tmp_path) as controller:
            reader, writer = await asyncio.open_connection("127.0.0.1", controller.port)
            for packet in (
                encode("/acestep/tags", "steps=4"),
                encode("/acestep/duration", 0.5),
                encode("/acestep/text_to_audio", 5),
            ):
                writer.write(len(packet).to_bytes(4, "big") + packet)
            heard: dict[str, list] = {}
            async with asyncio.timeout(HANG_SECONDS):
                while "/acestep/result" not in heard:
                    size = int.from_bytes(await reader.readexactly(4), "big")
                    for message in decode(await reader.readexactly(size)):
                        heard.setdefault(message.path, []).append(message.arguments)
            assert Path(heard["/acestep/result"][0][0]).stat().st_size > 4000
            assert ("/acestep/text_to_audio", 5) in heard["/acestep/ack"]
            progress = [value for (value,) in heard["/acestep/progress"]]
            assert progress == sorted(progress)
            assert any("denoise" in words for (words,) in heard["/acestep/status"])
            writer.close()
            await writer.wait_closed()

    with daemons.running(tmp_path / "home"):
        asyncio.run(scenario())


def test_a_daemon_that_is_killed_and_started_again(tmp_path):
    """What surfaces set meanwhile arrives when the daemon is back, and what others set there still reaches them.

    A daemon started again counts the changes of its controls from 1: its answers were once taken for old ones.
    """

    async def scenario(daemon: daemons.Daemon) -> None:
        async with await client_of(daemon.home) as client, running(ClientDaemon(client), tmp_path) as controller:
            surface = Surface(controller.port)
            for number in range(5):
                surface.send("/acestep/seed", number)
                await asyncio.sleep(0.05)
            surface.send("/acestep/sync")
            await surface.wait("/acestep/status", "ready")
            await controller.shared.flushed()
            daemon.kill()
            surface.send("/acestep/seed", 6)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(daemon.start)
            limit = time.monotonic() + HANG_SECONDS
            while (await client.controls()).values.get("seed") != 6:
                assert time.monotonic() < limit
                await asyncio.sleep(0.05)
            await client.set_controls({"variance": 0.25})
            await surface.wait("/acestep/variance", 0.25)
            surface.send("/acestep/tags", "steps=2")
            surface.send("/acestep/text_to_audio")
            await surface.wait("/acestep/result")

    with daemons.running(tmp_path / "home") as daemon:
        asyncio.run(scenario(daemon))
