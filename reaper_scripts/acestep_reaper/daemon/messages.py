"""Messages of docs/protocol.md, version 1: signature, header, content. Knows no socket.

Raises ConnectionLost for what is not a message, DaemonError for an error reply.
"""

import hashlib
import hmac
import json
import struct
import time
import uuid

from ..errors import ConnectionLost, DaemonError

PROTOCOL_VERSION = 1


def _dump(value):
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("utf-8")


def sign(key, header, content):
    """HMAC-SHA256 over header and content, each preceded by its length in 8 big-endian bytes."""
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for part in (header, content):
        digest.update(struct.pack(">Q", len(part)))
        digest.update(part)
    return digest.hexdigest().encode("ascii")


def request(key, op, content):
    """(id, frames) of a request; `key` are the connection file's ASCII bytes."""
    message_id = uuid.uuid4().hex
    head = {"version": PROTOCOL_VERSION, "id": message_id, "op": op, "time": time.time()}
    header, body = _dump(head), _dump(content)
    return message_id, [sign(key, header, body), header, body]


def reply(key, frames):
    """(parent id, op, content) of a reply's frames, after its signature was checked."""
    if len(frames) < 3 or not hmac.compare_digest(frames[0], sign(key, frames[1], frames[2])):
        raise ConnectionLost("The daemon's reply is not signed with our key", "Restart the daemon")
    header = json.loads(frames[1].decode("utf-8"))
    content = json.loads(frames[2].decode("utf-8"))
    return header.get("parent_id", ""), header.get("op", ""), content


def error_of(content):
    """The DaemonError that an error reply's content describes."""
    message = content.get("message") or "The daemon reported an error"
    return DaemonError(message, "", content.get("code", ""))
