"""OSCQuery: the address space as JSON over HTTP, on the port that OSC has. Knows addresses and values, no socket.

After the OSCQuery proposal (github.com/Vidvox/OSCQueryProposal): names, types, ranges, values and descriptions, from
the table that the docs have too; LISTEN is `websocket.py`'s. Only GET is answered, only to who may speak, only under a
name that is an address of this machine, so that a web page cannot ask in a browser's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote

from bridge.osc.address_space.addresses import Address, Kind, address_table

ATTRIBUTES = frozenset({"FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "RANGE", "DESCRIPTION", "VALUE", "UNIT", "CRITICAL"})
EXTENSIONS = dict.fromkeys(
    ("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CRITICAL", "LISTEN", "OSC_STREAMING"), True
)
ACCESS = {Kind.CONTROL: 3, Kind.COMMAND: 2, Kind.QUERY: 2, Kind.FEEDBACK: 1}
NAME = "acestep-bridge"

Present = Callable[[str], Sequence[Any]]
Answer = tuple[int, bytes]


def answer(head: bytes, present: Present, host: tuple[str, int]) -> Answer:
    """Status and JSON for the head of an HTTP request; `host` is where OSC is heard."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3:
        return 400, _json({"error": "not an HTTP request"})
    if not names_us(lines[1:]):
        return 403, _json({"error": "ask by the machine's address, not by another name"})
    path, _, query = words[1].partition("#")[0].partition("?")  # no URL: what begins with // would be a host
    if query == "HOST_INFO":
        return 200, _json(host_info(host))
    node = _at(namespace(present), unquote(path))
    if node is None:
        return 404, _json({"error": "no such address"})
    if not query:
        return 200, _json(node)
    if query not in ATTRIBUTES:
        return 400, _json({"error": f"unknown attribute; expected HOST_INFO or one of {', '.join(sorted(ATTRIBUTES))}"})
    return (200, _json({query: node[query]})) if query in node else (204, b"")


def host_info(host: tuple[str, int]) -> dict[str, Any]:
    """What ?HOST_INFO answers."""
    info = {"NAME": NAME, "EXTENSIONS": EXTENSIONS, "OSC_PORT": host[1], "OSC_TRANSPORT": "UDP"}
    return info if host[0] in ("0.0.0.0", "::", "") else info | {"OSC_IP": host[0]}


def namespace(present: Present) -> dict[str, Any]:
    """The whole tree, from its root."""
    root: dict[str, Any] = {"FULL_PATH": "/", "ACCESS": 0, "DESCRIPTION": "ACE-Step bridge"}
    for address in address_table().values():
        node, path = root, ""
        for part in address.path.strip("/").split("/"):
            path += f"/{part}"
            node = node.setdefault("CONTENTS", {}).setdefault(part, {"FULL_PATH": path, "ACCESS": 0})
        node.update(_described(address, present))
    return root


def _described(address: Address, present: Present) -> dict[str, Any]:
    node: dict[str, Any] = {"DESCRIPTION": address.meaning, "ACCESS": ACCESS[address.kind]}
    if address.tags:
        node["TYPE"] = address.tags
    if address.kind is Kind.COMMAND:
        node["CRITICAL"] = True  # rather by TCP
    field = address.field
    if field is not None:
        node["RANGE"] = [_range(field)]
        if field.unit:
            node["UNIT"] = [field.unit]
    values = list(present(address.path)) if address.kind in (Kind.CONTROL, Kind.FEEDBACK) else []
    return node | ({"VALUE": values} if values else {})


def _range(field: Any) -> dict[str, Any]:
    if field.kind == "bool":
        return {"VALS": [0, 1]}
    if field.choices:
        return {"VALS": list(field.choices)}
    bounds = {"MIN": field.minimum, "MAX": field.maximum}
    return {name: value for name, value in bounds.items() if value is not None}


def _at(node: dict[str, Any], path: str) -> dict[str, Any] | None:
    for part in path.strip("/").split("/") if path.strip("/") else ():
        contents: Mapping[str, Any] = node.get("CONTENTS", {})
        if part not in contents:
            return None
        node = contents[part]
    return node


def names_us(headers: Sequence[str]) -> bool:
    """Against DNS rebinding: the Host header holds an address, `localhost`, or a name on the local network."""
    host = next((line[5:].strip() for line in headers if line.lower().startswith("host:")), "")
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    if name.lower().rstrip(".") == "localhost" or name.lower().rstrip(".").endswith(".local"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
