"""Beside the plain case: odd hosts and ranges, lines that stand still, uploads that break off or come twice."""

from __future__ import annotations

import asyncio
import hashlib
import socket

import pytest
import uvicorn
from uvicorn.server import ServerState

from bridge.gateway.file_answers import usable_range
from bridge.gateway.guard import host_name
from bridge.gateway.patience import PatientProtocol
from tests.bridge.gateway.test_calls import until
from tests.support.gateway import wave_bytes
from tests.support.patience import HANG_SECONDS


@pytest.mark.parametrize(
    ("host", "name"),
    [
        *(("127.0.0.1", "127.0.0.1"), ("LOCALHOST:9730", "localhost"), ("localhost.:1", "localhost")),
        *(("[::1]:9730", "::1"), ("[::1]", "::1"), ("::1", ""), ("", ""), ("evil@127.0.0.1", "")),
        *(("127.0.0.1/evil", ""), ("127.0.0.1?x", ""), ("127.0.0.1:abc", ""), ("127.0.0.1:65536", "")),
        *(("127.0.0.1, evil", ""), ("localhost..", "localhost."), ("[::1%25lo]", "")),
    ],
)
def test_a_host_is_read_strictly(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("asked", "usable"),
    [
        *(("bytes=0-3", "bytes=0-3"), ("bytes=-5", "bytes=-5"), ("bytes=5-", "bytes=5-")),
        *(("bytes=0-3, 8-11", "bytes=0-3,8-11"), ("bytes=0-3,999-", "bytes=0-3"), ("bytes=999-", "bytes=999-")),
        *(("bytes=5-3", ""), ("bytes=abc", ""), ("items=0-3", ""), ("bytes=", ""), ("bytes=-", ""), ("0-3", "")),
        ("bytes=" + ",".join(f"{at}-{at}" for at in range(0, 202, 2)), ""),
    ],
)
def test_a_range_that_is_none_is_left_unheard(asked, usable):
    assert usable_range(asked, 300) == usable


def test_a_file_is_sent_in_pieces_and_not_twice(gateway):
    told = gateway.call(
        "POST", "/rest/storage/upload/initiate", {"content_type": "audio/wav", "file_name": "a.wav"}
    ).json
    data = wave_bytes(1.0)
    sent = [gateway.call("PUT", told["upload_url"], body, key="").status for body in (data, data, data[:-2])]
    assert sent == [200, 200, 404]  # again, since the first answer may be lost; another file is none
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    for asked, status, length in (
        ({"Range": "bytes=-5"}, 206, 5),
        ({"Range": f"bytes={len(data)}-"}, 416, 0),
        ({"Range": "lines=1-2"}, 200, len(data)),
        ({"Range": "bytes=0-3", "If_Range": tag}, 206, 4),
        ({"Range": "bytes=0-3", "If_Range": '"old"'}, 200, len(data)),
        ({"If_None_Match": f'"old", W/{tag}'}, 304, 0),
    ):
        answer = gateway.call("GET", told["file_url"], key="", **asked)
        assert (answer.status, len(answer.body)) == (status, length), asked
    head = gateway.call("HEAD", told["file_url"], key="")
    assert head.headers["ETag"] == tag and head.headers["Content-Length"] == str(len(data)) and head.body == b""


def test_an_upload_that_breaks_off_leaves_nothing_and_may_come_again(gateway):
    told = gateway.call(
        "POST", "/rest/storage/upload/initiate", {"content_type": "audio/wav", "file_name": "a.wav"}
    ).json
    data, path = wave_bytes(1.5), told["upload_url"].removeprefix(gateway.url)
    making = gateway.home / "audio" / "making"
    with socket.create_connection(("127.0.0.1", gateway.port)) as line:
        line.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        line.sendall(data[:1000])
        until(lambda: list(making.glob("*.upload")))
    until(lambda: not list(making.glob("*.upload")))
    assert gateway.call("PUT", told["upload_url"], data, key="").status == 200


class Hasty(PatientProtocol):
    """With limits that a test can wait for."""

    head_seconds, body_seconds, most_lines = 0.15, 0.3, 3


async def answer(scope, receive, send):
    """Reads the body, then answers."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"


async def _sent(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What comes back until the line is ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), HANG_SECONDS)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_lines_that_stand_still_are_ended_and_there_are_only_so_many():
    async def check() -> None:
        config = uvicorn.Config(answer, ws="none", lifespan="off", log_config=None, timeout_keep_alive=1)
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        whole = await _sent(port, HEAD, b"bo", b"dy", pause=0.1)  # slower than a head may be, and never still for long
        assert whole.startswith(b"HTTP/1.1 200"), whole
        assert await asyncio.gather(*(_sent(port, piece) for piece in (b"", HEAD[:20], HEAD + b"bo"))) == [b""] * 3
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        turned_away = await _sent(port)
        assert turned_away.startswith(b"HTTP/1.1 503 ") and b"Too many connections" in turned_away
        for _, writer in lines:
            writer.close()
        server.close()

    asyncio.run(check())
