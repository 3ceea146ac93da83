"""The daemon against foreign clients: bad input, bad signatures, repeats, a client of the standard library."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import zmq

from bridge.client import Client
from bridge.protocol import errors
from bridge.protocol.frames import Header, new_header, pack, unpack
from bridge.protocol.home import Connection, read_connection
from tests.support.daemons import Daemon, running, text
from tests.support.patience import HANG_SECONDS


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("wire") / "home") as made:
        yield made


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with daemon.client() as made:
        yield made


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "björn 音.wav"
    times = np.arange(8000 * 10) / 8000
    soundfile.write(path, np.sin(2 * np.pi * 220 * times), 8000, subtype="PCM_16")
    return path


def inpaint(audio: object, **fields: object) -> dict[str, object]:
    return {"task": "inpaint", "tags": "steps=2", "audio": str(audio), "start_time": 2, "end_time": 4, **fields}


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"start_time": 4, "end_time": 4}, "end_time"),
    ({"start_time": 6, "end_time": 4}, "start_time"),
    ({"start_time": -1}, "start_time"),
    ({"end_time": 11}, "end_time"),
    ({"start_time": 11, "end_time": 12}, "start_time"),
    ({"number_of_steps": 0}, "number_of_steps"),
    ({"variance": 1.5}, "variance"),
    ({"variance": "much"}, "variance"),
    ({"scheduler": "fast"}, "scheduler"),
    ({"output": "both"}, "output"),
    ({"tags": ""}, "tags"),
    ({"task": "repaint"}, "task"),
    ({"steps": 5}, "steps"),
    ({"seed": 2**31}, "seed"),
    ({"variations": 17}, "variations"),
    ({"client_data": {"x": "y" * 20000}}, "client_data"),
    ({"lyrics": "la na na " * 30000}, "lyrics"),
    ({"audio": "relative.wav"}, "audio"),
    ({"audio": "/does/not/exist.wav"}, "audio"),
    ({"audio": "http://example.com/a.wav"}, "audio"),
    ({"lora": ["nobody/none"]}, "lora"),  # never pulled
]


@pytest.mark.parametrize(("change", "field"), BAD_FIELDS, ids=lambda v: str(v)[:40])
def test_bad_fields_are_named_and_nothing_is_queued(
    client: Client, wav: Path, change: dict[str, Any], field: str
) -> None:
    before = client.jobs().total
    with pytest.raises(errors.InvalidField) as caught:
        client.submit({**inpaint(wav), **change})
    error = caught.value.error
    assert (error.code, error.field) == ("invalid_request", field)
    assert error.got and error.expected and error.remedy and error.got in error.message
    assert client.jobs().total == before


@pytest.mark.skipif(not os.environ.get("ACESTEP_LYRIC_VOCAB"), reason="no lyric vocabulary is named")
def test_more_than_4096_lyric_tokens_are_refused(client: Client, wav: Path) -> None:
    with pytest.raises(errors.InvalidField, match="4,096") as caught:
        client.submit({**inpaint(wav), "lyrics": "la na na, " * 2000})
    assert caught.value.field == "lyrics"


def broken_files(folder: Path, good: bytes) -> dict[str, bytes]:
    nan = folder / "nan.wav"
    samples = np.zeros(80000, np.float32)
    samples[20000] = np.nan
    soundfile.write(nan, samples, 8000, subtype="FLOAT")
    return {
        "empty": b"",
        "truncated": good[: len(good) // 2],
        "not audio": b"hello, I am a text file" * 10,
        "0 samples": good[:40] + struct.pack("<I", 0),
        "NaN": nan.read_bytes(),
    }


@pytest.mark.parametrize("case", ["empty", "truncated", "not audio", "0 samples", "NaN"])
@pytest.mark.parametrize("form", ["path", "bytes"])
def test_broken_audio_is_refused(client: Client, wav: Path, tmp_path: Path, case: str, form: str) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(broken_files(tmp_path, wav.read_bytes())[case])
    audio: object = path.read_bytes() if form == "bytes" else str(path)
    before = client.jobs().total
    with pytest.raises(errors.InvalidField) as caught:
        client.submit({**inpaint(wav), "audio": audio})
    assert caught.value.field == "audio" and caught.value.remedy
    assert client.jobs().total == before


def test_a_checkpoint_that_a_recipe_names_is_found_where_jobs_had_it(client: Client, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    with pytest.raises(errors.UnknownThing):
        client.submit(text(model="mine"))
    client.submit(text(model=str(mine)))
    job = client.submit(text(model="mine"))
    assert client.requests([job.job_id])[job.job_id]["model"] == str(mine)
    assert job.status().model.name == "mine"


def test_an_unknown_model_is_refused_with_what_there_is(client: Client) -> None:
    with pytest.raises(errors.UnknownThing, match="nano"):
        client.submit(text(model="gpt"))


def test_audio_in_every_form(client: Client, wav: Path) -> None:
    uploaded = client.upload(wav)
    assert (uploaded.audio.samples, uploaded.audio.sample_rate, uploaded.size) == (80000, 8000, wav.stat().st_size)
    for audio in (str(wav), wav.read_bytes(), uploaded.reference):
        assert client.submit({**inpaint(wav), "audio": audio}).wait(HANG_SECONDS).state == "completed"
    result = client.submit({**text(), "duration": 5.0}).result()
    again = {**inpaint(wav), "audio": f"sha256:{result.sha256}"}
    assert client.submit(again).wait(HANG_SECONDS).state == "completed"


def test_an_upload_that_is_no_audio_is_not_kept(client: Client) -> None:
    before = client.metrics().audio_files
    with pytest.raises(errors.InvalidField):
        client.upload(b"this is no audio at all")
    assert client.metrics().audio_files == before


def test_a_repeat_gets_the_first_answer(client: Client) -> None:
    first = client.submit(text(), request_id="once")
    first.wait(HANG_SECONDS)
    again = client.submit(text(), request_id="once")
    assert again.submitted == first.submitted
    inside = [client.submit({**text(), "request_id": "inside"}).job_id for _ in range(2)]
    assert inside[0] == inside[1] != first.job_id


def test_repeats_at_the_same_time_make_one_job(daemon: Daemon, wav: Path) -> None:
    found: list[str] = []

    def submit() -> None:
        with daemon.client() as client:
            found.append(client.submit(inpaint(wav), request_id="race").job_id)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
    assert len(found) == 4 and len(set(found)) == 1


def test_controls_are_shared_and_kept(client: Client) -> None:
    sequence = client.controls().sequence
    client.set_controls({"tags": "house", "variance": 0.3})
    reply = client.set_controls({"variance": None})
    assert reply.values == {"tags": "house"} and reply.sequence == sequence + 2
    with pytest.raises(errors.RequestFailed, match="at most"):
        client.set_controls({"tags": "x" * 70000})


def test_models_and_load(client: Client) -> None:
    names = {entry.name for entry in client.models().models}
    assert {"nano", "ace-step-v1"} <= names
    with pytest.raises(errors.UnknownThing):
        client.load("nothing")


def test_results_are_asked_for_in_the_right_state(client: Client) -> None:
    job = client.submit(text("steps=1000000 step_seconds=0.02"))
    for ask in (lambda: client.result(job.job_id), lambda: client.delete(job.job_id)):
        with pytest.raises(errors.RequestFailed) as caught:
            ask()
        assert caught.value.code in ("not_finished", "job_active")
    job.cancel()
    with pytest.raises(errors.UnknownThing, match="jobs list"):
        client.status("nonsense")


class Raw:
    """A DEALER with nothing of ours around it."""

    def __init__(self, connection: Connection) -> None:
        self._context = zmq.Context()
        self.key = connection.key
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(connection.endpoints.commands)

    def ask(self, frames: list[Any], seconds: float = 10.0) -> Any:
        self.socket.send_multipart(frames)
        return unpack(self.key, self.socket.recv_multipart()) if self.socket.poll(int(seconds * 1000)) else None

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._context.term()


@pytest.fixture
def raw(daemon: Daemon) -> Iterator[Raw]:
    with Raw(read_connection(daemon.home / "connection.json")) as made:
        yield made


def test_a_bad_signature_is_dropped_and_counted(client: Client, raw: Raw) -> None:
    before = client.metrics().rejected_signatures
    good = pack(raw.key, new_header("hello"), {})
    bad = [[b"0" * 64, *good[1:]], good[:2], pack("f" * 64, new_header("shutdown"), {}), [b""]]
    for frames in bad:
        assert raw.ask(frames, 0.2) is None
    assert client.metrics().rejected_signatures == before + len(bad)
    assert raw.ask(good).content["server"] == "acestep-bridge"


@pytest.mark.parametrize(
    ("op", "content", "code", "field"),
    [
        ("dance", {}, "unknown_op", "op"),
        ("status", {}, "bad_message", None),
        ("status", {"job_id": 7}, "bad_message", "$.job_id"),
        ("submit", {"request": []}, "bad_message", "$.request"),
        ("submit", {"request": {}}, "invalid_request", "task"),
        ("cancel", {"job_id": "x", "request_id": "r" * 300}, "bad_message", None),
        ("upload", {}, "buffer_mismatch", "$.buffers"),
    ],
)
def test_wrong_messages_get_typed_errors(raw: Raw, op: str, content: dict[str, Any], code: str, field: str) -> None:
    header = new_header(op)
    reply = raw.ask(pack(raw.key, header, content))
    assert (reply.header.op, reply.header.parent_id) == ("error", header.id)
    assert (reply.content["code"], reply.content["field"]) == (code, field)


def test_another_version_is_told(raw: Raw) -> None:
    reply = raw.ask(pack(raw.key, Header(version=9, id="x", op="hello", time=0.0), {}))
    assert reply.content["code"] == "unsupported_version" and reply.header.parent_id == "x"


def test_content_that_is_no_object_is_told(raw: Raw) -> None:
    header = b'{"version":1,"id":"x","op":"hello","time":0}'
    from bridge.protocol.frames import sign

    assert raw.ask([sign(raw.key, header, b"[1]"), header, b"[1]"]).content["code"] == "bad_message"


def test_a_client_of_the_standard_library(daemon: Daemon) -> None:
    """ZMTP 3.0 by hand, as docs/protocol.md and RFC 23 say: greeting, READY, signed request, PING answered."""
    told = json.loads((daemon.home / "connection.json").read_text("utf-8"))
    host, port = told["endpoints"]["commands"].removeprefix("tcp://").split(":")
    header = json.dumps({"version": 1, "id": "1", "op": "hello", "time": time.time()}).encode()
    mac = hmac.new(told["key"].encode(), digestmod=hashlib.sha256)
    for part in (header, b"{}"):
        mac.update(struct.pack(">Q", len(part)) + part)
    with socket.create_connection((host, int(port)), 10) as wire:
        wire.settimeout(HANG_SECONDS)
        wire.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\0" + bytes(31))
        assert read(wire, 64)[12:16] == b"NULL"
        wire.sendall(b"\x04\x1c\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER")
        assert read_frame(wire)[1].startswith(b"\x05READY")
        for index, part in enumerate((mac.hexdigest().encode(), header, b"{}")):
            wire.sendall(bytes([1 if index < 2 else 0, len(part)]) + part)
        frames, pings = [], 0
        while len(frames) < 3 or not pings:
            flags, body = read_frame(wire)
            if flags & 4 and body.startswith(b"\x04PING"):
                wire.sendall(bytes([4, len(body) - 2]) + b"\x04PONG" + body[7:])
                pings += 1
            elif not flags & 4:
                frames.append(body)
        reply = json.loads(frames[2])
        assert reply["server"] == "acestep-bridge" and json.loads(frames[1])["parent_id"] == "1" and pings


def read(wire: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += wire.recv(count - len(data)) or pytest.fail("closed")
    return data


def read_frame(wire: socket.socket) -> tuple[int, bytes]:
    flags = read(wire, 1)[0]
    size = struct.unpack(">Q", read(wire, 8))[0] if flags & 2 else read(wire, 1)[0]
    return flags, read(wire, size)


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_what_the_daemon_writes_is_private(daemon: Daemon) -> None:
    for name, mode in (("connection.json", 0o600), ("install.json", 0o600), ("jobs.sqlite3", 0o600), ("audio", 0o700)):
        assert (daemon.home / name).stat().st_mode & 0o777 == mode, name
    install = json.loads((daemon.home / "install.json").read_text("utf-8"))
    assert os.path.isabs(install["daemon_command"][0])
