"""Targets that peers can reach: the wire of the daemon and of the scripts, messages, contents, OSC, HTTP, MIDI."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

from bridge.daemon.dispatch import Dispatch, Peer
from bridge.daemon.doors.gate import Gate
from bridge.daemon.doors.zmtp import GREETING, LONG, MORE, Broken, Connection, command, encode_message, frame
from bridge.daemon.executor import make_executor
from bridge.daemon.hub import Hub
from bridge.daemon.operations import Operations
from bridge.daemon.runner import Runner
from bridge.daemon.settings import Settings
from bridge.engine_process import wire
from bridge.files import Attached, AudioStore
from bridge.gateway.inputs import BadInput, read_input
from bridge.jobs import JobStore
from bridge.midi.reading import Reader
from bridge.osc.address_space.addresses import address_table
from bridge.osc.address_space.values import OscError, checked, split_serial
from bridge.osc.transport import packets
from bridge.osc.transport.oscquery import answer
from bridge.protocol import messages as m
from bridge.protocol.errors import BridgeError, content_of
from bridge.protocol.frames import decode, new_header, pack, sign
from engine.errors import EngineError
from engine.requests import TASKS
from tests.fuzz.target import Target
from tests.support.paths import TINY

KEY = "ab" * 32
READY = command(b"READY", b"\x0bSocket-Type\x00\x00\x00\x06DEALER")
_SHORTEST_WAIT = {"wait": {"timeout_seconds": 0.0}}


class _Nobody:
    """Where a connection's answers go."""

    class transport:
        @staticmethod
        def abort() -> None: ...

        @staticmethod
        def get_write_buffer_size() -> int:
            return 0

    def write(self, data: bytes) -> None: ...

    def is_closing(self) -> bool:
        return False


def peer_says(data: bytes) -> None:
    """A peer's bytes to a port of the daemon, until it is let go or ends."""

    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        connection = Connection(reader, _Nobody())  # type: ignore[arg-type]
        gate = Gate(KEY)
        await connection.greet(b"ROUTER")
        for _ in range(100):
            incoming = await gate.read(connection)
            if incoming is not None:
                incoming.done()

    _loop().run_until_complete(read())


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()


def _greetings() -> list[bytes]:
    signed = encode_message([bytes(part) for part in pack(KEY, new_header("hello"), {})])
    strange = encode_message([b"0" * 64, b"{}", b"{}"])
    return [GREETING + READY + more for more in (b"", signed, signed * 2, strange, frame(4, b"\x04PING\0\0x"))] + [
        GREETING + READY + frame(MORE | LONG, b"x" * 300),
        GREETING[:11],
    ]


def script_hears(data: bytes) -> None:
    """Bytes of whatever listens where the daemon did, to the scripts' side of the line."""
    from acestep_reaper.daemon.zmtp import Dealer
    from acestep_reaper.errors import ConnectionLost

    line = Dealer.__new__(Dealer)
    line._socket, line._out, line._in, line._parts = _Nothing(), bytearray(), bytearray(), []
    line._greeted = line.ready = False
    with contextlib.suppress(ConnectionLost):
        for at in range(0, len(data), 100):
            line._in += data[at : at + 100]
            line._parse()


class _Nothing:
    def close(self) -> None: ...


def signed_message(data: bytes) -> None:
    """Header and content, cut at the first line feed, signed; to the daemon and to both ends of the engine's line."""
    header, _, rest = data.partition(b"\n")
    content, *buffers = rest.split(b"\0buffer\0")
    frames = [sign(KEY, header, content), header, content, *buffers]
    for read in (decode, functools.partial(wire.heard_by_engine, KEY), functools.partial(wire.heard_by_daemon, KEY)):
        with contextlib.suppress(BridgeError):
            read(frames)  # type: ignore[operator]


def _messages() -> list[bytes]:
    header = b'{"version":1,"id":"x","op":"hello","time":1}'
    contents = [b"{}", b'{"buffers":[{"size":1,"sha256":"a"}]}\0buffer\0a', b"[1]", b'{"a":1e999}']
    said = [
        wire.Load(model="nano"), wire.StepDone(job_id="a", stage="load", step=1, steps=2), wire.Beat(),
        wire.Loaded(model=m.ModelName(name="a"), device="cpu"), wire.LogText(job_id="a", level="info", text="x"),
    ]  # fmt: skip
    return [header + b"\n" + content for content in contents] + [
        bytes(head) + b"\n" + bytes(content) for _, head, content in (wire.say(KEY, one) for one in said)
    ]


class _Daemon:
    """The operations of a daemon without its sockets, over a store of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        home = Path(self._folder.name)
        settings = Settings(home=home, model=str(TINY))
        self.store, audio = JobStore(home / "jobs.sqlite3"), AudioStore(home / "audio")
        audio.make_folders()
        runner = Runner(self.store, Hub(lambda topic, content, owner: None), make_executor(settings), settings)
        operations = Operations(settings, self.store, audio, runner)
        self.dispatch = Dispatch(operations.handlers, self.store, operations.stopping)
        self.uses = 0

    def close(self) -> None:
        self.store.close()
        self._folder.cleanup()


_daemons: list[_Daemon] = []


def contents(data: bytes) -> None:
    """Content of an operation, by the user or by another machine's client. Raises AssertionError for `internal`."""
    kind, text = data[:1], data[1:]
    ops = [op for op in sorted(m.OPERATIONS) if op not in ("shutdown", "load", "models", "hello")]
    number = kind[0] if kind else 0
    op, peer = ops[number % len(ops)], Peer() if number < 128 else Peer("laptop", "0123abcd", frozenset({"controls"}))
    try:
        content = decode([b"", b'{"version":1,"id":"x","op":"x","time":1}', text]).content
    except BridgeError:
        return
    content |= _SHORTEST_WAIT.get(op, {})
    _loop().run_until_complete(_perform(op, content, peer))


async def _perform(op: str, content: dict[str, Any], peer: Peer) -> None:
    if not _daemons or _daemons[0].uses > 2000:
        for daemon in _daemons:
            daemon.close()
        _daemons[:] = [_Daemon()]
    _daemons[0].uses += 1
    try:
        await _daemons[0].dispatch.perform(op, content, peer, Attached([], []))
    except (BridgeError, EngineError, OSError) as error:
        assert content_of(error).code != "internal", f"{op}: {error}"


def _contents() -> list[bytes]:
    ops = [op for op in sorted(m.OPERATIONS) if op not in ("shutdown", "load", "models", "hello")]
    request = {"task": "text-to-audio", "tags": "a", "duration": 1, "seed": 1}
    inpaint = {"task": "inpaint", "audio": "sha256:" + "0" * 64, "start_time": 1, "end_time": 2, "tempo_map": []}
    given: dict[str, list[Any]] = {
        "submit": [{"request": request, "client_data": {"a": 1}, "priority": 1}, {"request": inpaint}],
        "list": [{"state": "queued", "limit": 1, "offset": 0}], "requests": [{"job_ids": ["a"]}],
        "controls": [{"action": "set", "values": {"a": 1}, "request_id": "d"}, {"action": "get"}],
        "wait": [{"job_id": "", "timeout_seconds": 0, "after_sequence": 0}], "upload": [{"file_name": "a"}],
        "result": [{"job_id": "", "include": "path", "variation": 0}], "logs": [{"job_id": "", "after": 0}],
    }  # fmt: skip
    plain = [{"job_id": "x", "request_id": "b"}]
    return [
        bytes([ops.index(op) + more]) + json.dumps(content).encode()
        for op in ops
        for content in given.get(op, plain)
        for more in (0, 128 - 128 % len(ops) + len(ops))
    ]


def osc(data: bytes) -> None:
    """A packet, and its values at every address that it names; the same bytes as HTTP and as MIDI."""
    answer(data, lambda path: [], ("127.0.0.1", 9000))
    midi = Reader("a")
    for at in range(0, min(len(data), 60), 3):
        midi.read(data[at : at + 3])
    for message in packets.decode(data):
        address = address_table().get(message.path)
        if address is not None:
            arguments, _ = split_serial(address, message.arguments)
            checked(address, arguments)


def _packets() -> list[bytes]:
    some = [packets.encode(path, value) for path in list(address_table())[::6] for value in (1, 0.5, "a")]
    bundle = b"#bundle\0" + bytes(8) + len(some[0]).to_bytes(4, "big") + some[0]
    return [*some, bundle, b"GET /acestep/tags?VALUE HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"\x90\x10\x40\xb0\x07\x10"]


def http_input(data: bytes) -> None:
    """A body of a call of the gateway."""
    tasks = sorted(TASKS)
    task, text = tasks[(data[0] if data else 0) % len(tasks)], data[1:]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return
    read_input(task, body)


def _inputs() -> list[bytes]:
    values = {"tags": "a", "prompt": "a", "duration": 1, "lyrics": "[verse]\na", "seed": "7", "scheduler": "euler"}
    text = json.dumps({**values, "audio": "data:,", "start_time": 1}).encode()
    return [bytes([number]) + text for number in range(len(TASKS))]


_JSON = (b'"', b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"1e999", b"-1", b"NaN", b"\\ud800", b"\\u0000")
_FIELDS = tuple(f'"{name}":'.encode() for name in ("task", "request", "audio", "tags", "seed", "lora", "job_id"))
_LET_GO = (Broken, asyncio.IncompleteReadError, ConnectionError)
WIRE_TARGETS = (
    Target("zmtp", peer_says, _LET_GO, _greetings, (b"\x04PING", b"\x05READY", b"NULL", b"\xff\x7f")),
    Target("scripts_line", script_hears, (), _greetings, (b"\x04PING", b"\x05ERROR")),
    Target("messages", signed_message, (), _messages, _JSON),
    Target("contents", contents, (), _contents, _JSON + _FIELDS),
    Target("osc", osc, (packets.PacketError, OscError), _packets, (b"#bundle\0", b",ifs", b"/acestep/")),
    Target("http_input", http_input, (BadInput,), _inputs, _JSON + _FIELDS),
)
