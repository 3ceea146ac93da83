"""Signed messages that are not what they should be: each gets an answer, and none is called a fault inside."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from bridge.protocol.frames import sign
from bridge.protocol.home import Connection, connection_path, read_connection
from tests.support.daemons import Daemon, running, text

STRANGE = (
    None, True, -1, 0, 10**30, 1e308, "x" * 300, "\ud800", "\0", [], {}, [[]], {"a": {"b": 1}}, "9" * 40,
)  # fmt: skip
CONTENTS = {
    "hello": {"warm": False},
    "submit": {"request": text(), "client_data": {}, "request_id": "a", "priority": 0},
    "status": {"job_id": ""},
    "wait": {"job_id": "", "timeout_seconds": 0.0, "after_sequence": 0},
    "result": {"job_id": "", "include": "path", "variation": 0},
    "logs": {"job_id": "", "after": 0},
    "cancel": {"job_id": "", "request_id": "b"},
    "list": {"state": "queued", "limit": 1, "offset": 0},
    "delete": {"job_id": "", "request_id": "c"},
    "upload": {"file_name": ""},
    "load": {"model": "nano"},
    "controls": {"action": "set", "values": {"a": 1}, "request_id": "d"},
}
FIELDS = [*text(), "priority", "client_data", "request_id", "model", "lora", "tempo_map", "audio_to_audio"]


class Speaker:
    """A client that says anything, signed."""

    def __init__(self, connection: Connection) -> None:
        self._key, self._context = connection.key, zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.connect(connection.endpoints.commands)

    def ask(self, op: str, content: Any) -> Any:
        head = {"version": 1, "id": secrets.token_hex(4), "op": op, "time": 1.0}
        return self.say(json.dumps(head).encode(), json.dumps(content).encode())

    def say(self, header: bytes, content: bytes) -> Any:
        self.send([sign(self._key, header, content), header, content])
        assert self._socket.poll(30_000), f"no answer to {content[:100]!r}"
        return json.loads(self._socket.recv_multipart()[2])

    def send(self, frames: list[bytes]) -> None:
        self._socket.send_multipart(frames)

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("malformed") / "home") as made:
        yield made


@pytest.fixture
def speaker(daemon: Daemon) -> Iterator[Speaker]:
    made = Speaker(read_connection(connection_path(daemon.home)))
    yield made
    made.close()


@pytest.mark.parametrize("op", CONTENTS)
def test_strange_contents_of_each_operation_are_answered_in_words(speaker: Speaker, op: str) -> None:
    job_id = speaker.ask("submit", {"request": text()})["job_id"] if "job_id" in CONTENTS[op] else ""
    for name in CONTENTS[op]:
        for value in STRANGE:
            content = {**CONTENTS[op], **({"job_id": job_id} if job_id else {}), name: value}
            assert speaker.ask(op, content).get("code") != "internal", (name, value)


@pytest.mark.parametrize("name", FIELDS)
def test_strange_values_in_a_request_are_answered_in_words(speaker: Speaker, name: str) -> None:
    for value in STRANGE:
        assert speaker.ask("submit", {"request": {**text(), name: value}}).get("code") != "internal", value


DEEP = 100_000
BROKEN = {
    "not JSON": b"{",
    "not UTF-8": b'{"a": "\xff"}',
    "deep": b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a list": b"[]",
    "a number": b"1e999",
}
HEADER = b'{"version":1,"id":"x","op":"hello","time":1}'


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_a_bad_message(speaker: Speaker, content: bytes) -> None:
    assert speaker.say(HEADER, content)["code"] == "bad_message"
    assert speaker.say(content, b"{}")["code"] == "bad_message"
