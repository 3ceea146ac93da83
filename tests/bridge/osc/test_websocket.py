"""OSCQuery's LISTEN by WebSocket, at a controller with real sockets, by the library websockets as a client."""

from __future__ import annotations

import asyncio
import json

import pytest
import websockets

from bridge.osc.transport.packets import decode, encode
from tests.support.osc import play, until


def connected(port: int, **more):
    return websockets.connect(f"ws://127.0.0.1:{port}/", proxy=None, **more)


async def wish(socket, command: str, path: object) -> None:
    await socket.send(json.dumps({"COMMAND": command, "DATA": path}))


async def next_message(socket) -> tuple[str, tuple]:
    (message,) = decode(await asyncio.wait_for(socket.recv(), 20))
    return message.path, message.arguments


def test_values_come_while_they_are_listened_to_and_no_others(tmp_path):
    async def scenario(controller, surface, daemon):
        async with connected(controller.port) as socket:
            await wish(socket, "LISTEN", "/acestep/variance")
            assert await next_message(socket) == ("/acestep/variance", (0.5,))
            surface.send("/acestep/tags", "house")  # not listened to
            surface.send("/acestep/variance", 0.25)
            assert await next_message(socket) == ("/acestep/variance", (0.25,))
            await wish(socket, "LISTEN", "/acestep/status")
            assert await next_message(socket) == ("/acestep/status", ("ready",))
            await wish(socket, "IGNORE", "/acestep/variance")
            await wish(socket, "LISTEN", "/acestep/seed")
            assert (await next_message(socket))[0] == "/acestep/seed"
            surface.send("/acestep/variance", 0.75)
            surface.send("/acestep/seed", 7)
            assert await next_message(socket) == ("/acestep/seed", (7,))
            peers = len(controller._targets)
        await until(lambda: len(controller._targets) == peers - 1)  # nothing is kept of it

    play(scenario, tmp_path)


def test_messages_may_be_sent_over_it_in_one_frame_or_more(tmp_path):
    async def scenario(controller, surface, daemon):
        async with connected(controller.port) as socket:
            await socket.send(encode("/acestep/seed", 11))
            await until(lambda: controller.controls.values.get("seed") == 11)
            whole = encode("/acestep/tags", "house, 124 bpm")
            await socket.send([whole[:7], whole[7:]])
            await until(lambda: controller.controls.values.get("tags") == "house, 124 bpm")
            await socket.send(encode("/acestep/take/next", 5))
            assert await next_message(socket) == ("/acestep/ack", ("/acestep/take/next", 5))
            await (await socket.ping())

    play(scenario, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["LISTEN", "[]", "3", '{"COMMAND": "LISTEN"}', '{"COMMAND": "LISTEN", "DATA": "/acestep/none"}', "[" * 5000,
     '{"COMMAND": "LISTEN", "DATA": ["/acestep/seed"]}', '{"COMMAND": "ERASE", "DATA": "/acestep/seed"}',
     '{"COMMAND": "LISTEN", "DATA": "/acestep/inpaint"}'],
)  # fmt: skip
def test_what_is_no_wish_is_answered_and_the_line_stays(tmp_path, text):
    async def scenario(controller, surface, daemon):
        async with connected(controller.port) as socket:
            await socket.send(text)
            path, (_, _, expected) = await next_message(socket)
            assert path == "/acestep/error" and "LISTEN" in expected
            await wish(socket, "LISTEN", "/acestep/seed")
            assert (await next_message(socket))[0] == "/acestep/seed"

    play(scenario, tmp_path)


@pytest.mark.parametrize(
    ("origin", "heard"),
    [(None, True), ("http://localhost:3000", True), ("http://127.0.0.1", True), ("http://[::1]:80", True),
     ("https://evil.example", False), ("null", False), ("http://192.168.1.9", False),
     ("http://localhost.evil.com", False)],
)  # fmt: skip
def test_a_page_of_another_site_is_not_heard(tmp_path, origin, heard):
    async def scenario(controller, surface, daemon):
        try:
            async with connected(controller.port, origin=origin) as socket:
                await wish(socket, "LISTEN", "/acestep/seed")
                assert (await next_message(socket))[0] == "/acestep/seed"
        except websockets.InvalidStatus as error:
            assert error.response.status_code == 403 and not heard
        else:
            assert heard

    play(scenario, tmp_path)


def test_by_another_name_nobody_is_heard(tmp_path):
    """A name that a stranger's name server made ours (DNS rebinding)."""

    async def scenario(controller, surface, daemon):
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect(
                f"ws://evil.example:{controller.port}/", host="127.0.0.1", port=controller.port, proxy=None
            ):
                pass
        with pytest.raises((websockets.InvalidMessage, websockets.InvalidStatus, ConnectionError)):
            async with connected(controller.port, additional_headers={"Sec-WebSocket-Key": "short"}):
                pass
        surface.send("/acestep/get", "seed")  # all goes on
        await surface.wait("/acestep/seed")

    play(scenario, tmp_path)
