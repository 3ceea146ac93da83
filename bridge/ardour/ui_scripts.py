"""`ui_scripts` in Ardour's configuration: the actions that have menu entries and key bindings, and the hooks.

XML with base64 of a Lua program (`lua_text.py`). Others' actions and hooks stay as they are. A script's function may be
Lua text as well as byte code, so that one file serves every Lua version; Ardour writes byte code when it saves.
"""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.ardour import lua_text
from bridge.ardour.lua_text import BadLua, Table
from bridge.installing.refusal import InstallRefused

SLOTS = 32  # MAX_LUA_ACTION_SCRIPTS
PREFIX = b"ACE-Step: "
_TIMER_BITS = {7: ((48, 49), 50), 8: ((48, 49), 50), 9: ((48, 49, 50, 51), 52)}  # of luasignal_syms, 9.0 to 9.8
_HOOK_ID = 9_725_000
_NAME = re.compile(rb'name\s*=\s*"([^"]+)"')


@dataclass(frozen=True)
class Slot:
    """An action and the number that Ardour knows it by: `LuaAction/script-NUMBER`."""

    number: int
    name: str


def script_name(text: bytes) -> bytes:
    """The name in a script's head."""
    match = _NAME.search(text)
    if match is None:
        raise BadLua("a script without a name")
    return match.group(1)


def with_scripts(old: bytes | None, actions: Sequence[bytes], hook: bytes, version: int) -> tuple[bytes, list[Slot]]:
    """The file with our actions in their slots, else in free ones from the first on, and our hook.

    Raises InstallRefused where the file is not what Ardour writes, or no slot is free.
    """
    root = _root(old)
    scripts = _actions(root)
    ours = {_name(entry): number for number, entry in scripts.items() if _is_ours(entry)}
    for number in ours.values():
        del scripts[number]
    slots = []
    for text in actions:
        name = script_name(text)
        number = ours.get(name) or _free(scripts, set(ours.values()))
        scripts[number] = _entry(name, text)
        slots.append(Slot(number, name.decode()))
    _set_actions(root, scripts)
    _set_hook(root, hook, version)
    return _bytes(root), slots


def without_scripts(old: bytes) -> bytes:
    """The file without ours. Raises InstallRefused where it is not what Ardour writes."""
    root = _root(old)
    _set_actions(root, {number: entry for number, entry in _actions(root).items() if not _is_ours(entry)})
    _drop_hooks(root)
    return _bytes(root)


def slots_of(data: bytes | None) -> tuple[list[Slot], bool]:
    """Our actions, and whether our hook is there. Raises InstallRefused where the file is not what Ardour writes."""
    root = _root(data)
    slots = [
        Slot(number, _name(entry).decode("utf-8", "replace"))
        for number, entry in _actions(root).items()
        if _is_ours(entry)
    ]
    return sorted(slots, key=lambda slot: slot.number), bool(_our_hooks(root))


def _root(data: bytes | None) -> ElementTree.Element:
    if data is None:
        return ElementTree.Element("UIScripts")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise _refused(str(error)) from error
    if root.tag != "UIScripts":
        raise _refused(f"<{root.tag}>")
    return root


def _child(root: ElementTree.Element, name: str) -> ElementTree.Element:
    found = root.find(name)
    return ElementTree.SubElement(root, name) if found is None else found


def _actions(root: ElementTree.Element) -> dict[int, Table]:
    text = "".join(_child(root, "ActionScript").itertext()).strip()
    try:
        table = lua_text.read(base64.b64decode(text, validate=True)).get(b"scripts", {})
    except ValueError as error:  # BadLua and binascii's are
        raise _refused(str(error)) from error
    if not isinstance(table, dict):
        raise _refused("no list of scripts")
    return {number: entry for number, entry in table.items() if isinstance(number, int) and isinstance(entry, dict)}


def _set_actions(root: ElementTree.Element, scripts: Mapping[int, Table]) -> None:
    node = _child(root, "ActionScript")
    node.set("lua", node.get("lua", "Lua 5.3"))
    node.text = base64.b64encode(lua_text.write(b"scripts", dict(sorted(scripts.items())))).decode()


def _entry(name: bytes, text: bytes) -> Table:
    return {b"n": name, b"s": text, b"f": _factory(text), b"a": {}}


def _factory(text: bytes) -> bytes:
    """A program that does what the script's `factory` does. The script's head calls `ardour`, which is not there."""
    return b"local function ardour () end\n" + text + b"\nreturn factory (...)"


def _set_hook(root: ElementTree.Element, text: bytes, version: int) -> None:
    _drop_hooks(root)
    bits, length = _TIMER_BITS.get(version, _TIMER_BITS[max(_TIMER_BITS)])
    node = ElementTree.SubElement(_child(root, "ActionHooks"), "LuaCallback")
    node.set("lua", "Lua 5.3")
    node.set("id", str(_HOOK_ID))
    node.set("name", script_name(text).decode())
    node.set("signals", "".join("1" if place in bits else "0" for place in reversed(range(length))))
    node.text = base64.b64encode(lua_text.write(b"s", _entry(script_name(text), text))).decode()


def _drop_hooks(root: ElementTree.Element) -> None:
    for node in _our_hooks(root):
        _child(root, "ActionHooks").remove(node)


def _our_hooks(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [node for node in _child(root, "ActionHooks") if node.get("name", "").startswith(PREFIX.decode())]


def _is_ours(entry: Table) -> bool:
    return _name(entry).startswith(PREFIX)


def _name(entry: Table) -> bytes:
    name = entry.get(b"n")
    return name if isinstance(name, bytes) else b""


def _free(scripts: Mapping[int, Table], kept: set[int]) -> int:
    for number in range(1, SLOTS + 1):
        if number not in scripts and number not in kept:
            return number
    remedy = "Take some out in Ardour: Edit > Lua Scripts > Script Manager."
    raise InstallRefused("ui_scripts", f"{SLOTS} scripts already", "free places for ours", remedy)


def _bytes(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _refused(got: str) -> InstallRefused:
    remedy = "Nothing was changed. Move that file away, start Ardour once, then run this again."
    return InstallRefused("ui_scripts", got, "what Ardour writes", remedy)
