"""Exact bytes of the wire: what a standard-library client must produce and read. docs/protocol.md, version 1."""

from __future__ import annotations

import pytest

from bridge.protocol.errors import BadSignature, ProtocolError, content_of, refused
from bridge.protocol.frames import Header, encode_json, pack, sign, unpack
from bridge.protocol.messages import JobEvent, SubmitRequest

KEY = "0123456789abcdef" * 4
HEADER = Header(version=1, id="6d1f", op="submit", time=1795478400.25)


def test_submit_with_a_buffer() -> None:
    content = SubmitRequest(request={"task": "retake", "tags": "bjørn 音"}, request_id="r1")
    frames = pack(KEY, HEADER, content, [b"RIFF"])
    assert frames == [
        b"6f2a893e6e7488eb6fed67b0facbdaf97b76699e69bd20179aafcab7709635a6",
        b'{"version":1,"id":"6d1f","op":"submit","time":1795478400.25}',
        b'{"request":{"task":"retake","tags":"bj\xc3\xb8rn \xe9\x9f\xb3"},"client_data":null,"request_id":"r1",'
        b'"priority":null,"buffers":[{"size":4,"sha256":'
        b'"a40ff3d5900fb7698b8c865041347cb49eccedc8f93945f89629ad104aaecce4"}]}',
        b"RIFF",
    ]


def test_event() -> None:
    frames = pack(
        KEY, Header(version=1, id="e", op="event", time=1.5), JobEvent(job_id="j", sequence=2, state="running", step=1)
    )
    assert frames[1:] == [
        b'{"version":1,"id":"e","op":"event","time":1.5}',
        b'{"job_id":"j","sequence":2,"state":"running","step":1}',
    ]


def test_error_content() -> None:
    error = refused("invalid_request", "start_time", "12 s", "less than end_time", "Swap them.")
    assert encode_json(content_of(error)) == (
        b'{"code":"invalid_request","message":"start_time: got 12 s, expected less than end_time. Swap them.",'
        b'"field":"start_time","got":"12 s","expected":"less than end_time","remedy":"Swap them."}'
    )


def test_signature_frames_each_part_by_its_length() -> None:
    assert sign(KEY, b"ab", b"c") != sign(KEY, b"a", b"bc")


@pytest.mark.parametrize("index", [0, 1, 2])
def test_any_changed_byte_is_a_bad_signature(index: int) -> None:
    frames = [bytes(f) for f in pack(KEY, HEADER, {"a": 1})]
    frames[index] = frames[index][:-1] + bytes([frames[index][-1] ^ 1])
    with pytest.raises(BadSignature):
        unpack(KEY, frames)


def test_bad_signature_comes_before_decoding() -> None:
    with pytest.raises(BadSignature):
        unpack(KEY, [b"0" * 64, b"not json", b"\xff"])


@pytest.mark.parametrize("buffers", [[], [b"RIFX"], [b"RIFF", b""], [b"RIF"]])
def test_buffers_must_be_those_listed(buffers: list[bytes]) -> None:
    frames = [*pack(KEY, HEADER, {}, [b"RIFF"])[:3], *buffers]
    with pytest.raises(ProtocolError) as caught:
        unpack(KEY, frames)
    assert caught.value.code == "buffer_mismatch"


def test_other_version_is_named() -> None:
    frames = pack(KEY, Header(version=2, id="x", op="hello", time=0.0), {})
    with pytest.raises(ProtocolError, match="version 2") as caught:
        unpack(KEY, frames)
    assert caught.value.code == "unsupported_version"


def test_nan_does_not_travel() -> None:
    with pytest.raises(ProtocolError, match="JSON"):
        pack(KEY, HEADER, {"a": float("nan")})
