"""OSCQuery: the namespace is the table of the docs, over HTTP on the port of OSC, and found on the network."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from bridge.osc.address_space.addresses import Kind, address_table
from bridge.osc.transport.announce import SERVICES, announced
from bridge.osc.transport.oscquery import ACCESS, answer, namespace
from engine.sampling.schedulers import SCHEDULERS
from tests.support.osc import play, until
from tests.support.patience import HANG_SECONDS


async def get(port: int, target: str, host: str = "127.0.0.1") -> tuple[int, dict]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), HANG_SECONDS)).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), json.loads(body or b"{}")


def flat(node: dict) -> dict[str, dict]:
    found = {node["FULL_PATH"]: node}
    for child in node.get("CONTENTS", {}).values():
        found |= flat(child)
    return found


def test_the_namespace_is_the_table():
    nodes = flat(namespace(lambda path: ()))
    for path, address in address_table().items():
        node = nodes[path]
        assert (node.get("TYPE", ""), node["ACCESS"]) == (address.tags, ACCESS[address.kind])
        assert node["DESCRIPTION"] == address.meaning
        assert node.get("CRITICAL", False) == (address.kind is Kind.COMMAND)
    assert {path for path, node in nodes.items() if node["ACCESS"]} == set(address_table())
    assert nodes["/acestep/variance"]["RANGE"] == [{"MIN": 0.0, "MAX": 1.0}]
    assert nodes["/acestep/scheduler"]["RANGE"] == [{"VALS": list(SCHEDULERS)}]
    assert nodes["/acestep/tempo"]["UNIT"] == ["bpm"]


def test_values_over_http_on_the_port_of_osc(tmp_path):
    async def scenario(controller, surface, daemon):
        port = controller.port
        surface.send("/acestep/variance", 0.125)
        await until(lambda: controller.controls.values.get("variance") == 0.125)
        assert await get(port, "/acestep/variance?VALUE") == (200, {"VALUE": [0.125]})
        status, tree = await get(port, "/")
        assert status == 200
        assert tree["CONTENTS"]["acestep"]["CONTENTS"]["region"]["CONTENTS"]["bars"]["VALUE"] == [0, 0]
        status, info = await get(port, "/?HOST_INFO", "localhost")
        assert (info["OSC_PORT"], info["OSC_TRANSPORT"], info["OSC_IP"]) == (port, "UDP", "127.0.0.1")
        assert info["EXTENSIONS"]["VALUE"] and info["EXTENSIONS"]["LISTEN"]
        assert (await get(port, "/acestep/none"))[0] == 404
        assert (await get(port, "/acestep/inpaint?VALUE"))[0] == 204
        assert (await get(port, "/acestep?COLOUR"))[0] == 400
        assert (await get(port, "/acestep/tags?VALUE", "evil.example"))[0] == 403
        surface.send("/acestep/get", "variance")
        assert await surface.wait("/acestep/variance", 0.125)

    play(scenario, tmp_path)


def test_a_browsers_post_is_no_packet(tmp_path):
    async def scenario(controller, surface, daemon):
        reader, writer = await asyncio.open_connection("127.0.0.1", controller.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\n\0\0\0\4")
        assert not (await asyncio.wait_for(reader.read(), HANG_SECONDS)).startswith(b"HTTP")
        writer.close()

    play(scenario, tmp_path)


@pytest.mark.parametrize(
    "head", [b"GET /", b"GET  HTTP/1.1\r\n\r\n", b"GET \xff\xfe HTTP/1.1\r\nHost: 1.2.3.4\r\n", b"GET //x"]
)
def test_any_head_has_an_answer(head):
    status, _ = answer(head, lambda path: (), ("127.0.0.1", 1))
    assert status in (400, 403, 404)


def test_the_controller_is_found_on_the_network():
    zeroconf = pytest.importorskip("zeroconf", reason="zeroconf is absent (extra: discovery)")

    async def main() -> list:
        async with announced(["127.0.0.1"], 19725):
            found = zeroconf.Zeroconf(interfaces=["127.0.0.1"])
            try:
                infos = []
                for service in SERVICES:
                    names: list[str] = []
                    browser = zeroconf.ServiceBrowser(
                        found, service, handlers=[lambda name, names=names, **_: names.append(name)]
                    )
                    limit = time.monotonic() + HANG_SECONDS
                    while not names and time.monotonic() < limit:
                        await asyncio.sleep(0.05)
                    infos += [await asyncio.to_thread(found.get_service_info, service, name) for name in names]
                    await asyncio.to_thread(browser.cancel)
                return infos
            finally:
                await asyncio.to_thread(found.close)

    infos = asyncio.run(asyncio.wait_for(main(), HANG_SECONDS))
    assert [(i.port, i.parsed_addresses()) for i in infos] == [(19725, ["127.0.0.1"])] * 2
