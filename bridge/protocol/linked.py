"""Another machine that renders for this one: `linked.json` in the product's folder. Knows no socket.

It is a link file (a connection over CURVE, with this machine's signing key) with the machine's name and its model.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bridge.protocol.errors import KeyFileError
from bridge.protocol.home import Connection, put_folder_aside
from bridge.protocol.messages import ModelName
from bridge.system.atomic import write_private

LINKS = "links"  # in a job's client_data: how many linked machines it went through
MOST_LINKS = 2


class Linked(Connection, frozen=True, kw_only=True):
    """A link file in use. `model` is what that machine renders with unless told otherwise, `own_public` the key with
    which this machine was let in."""

    name: str
    model: ModelName
    own_public: str = ""


def linked_path(home: Path) -> Path:
    """Where it lies while this machine renders elsewhere."""
    return home / "linked.json"


def read_linked(home: Path) -> Linked | None:
    """The machine that renders for this one; None: this one does. Raises KeyFileError for a damaged file."""
    path = linked_path(home)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Linked)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise KeyFileError(f"{path.name}: {what}. `acestep-bridge link --remove` takes it away.") from error


def write_linked(home: Path, linked: Linked) -> None:
    """Render there from now on. The file is 0600."""
    write_private(linked_path(home), msgspec.json.format(msgspec.json.encode(linked), indent=1) + b"\n")


def remove_linked(home: Path) -> bool:
    """Render here again; whether another machine was linked. A folder in the place of the file is put aside.

    Raises OSError.
    """
    path = linked_path(home)
    was_there = os.path.lexists(path)  # a link that leads nowhere too
    put_folder_aside(path)
    path.unlink(missing_ok=True)
    return was_there


def read_link_file(path: Path) -> Connection:
    """A link file as the other machine wrote it. Raises KeyFileError."""
    remedy = "The other machine writes one: acestep-bridge link NAME -o FILE"
    try:
        connection = msgspec.json.decode(path.read_bytes(), type=Connection)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeyFileError(f"link file: {path}: {error}. {remedy}") from error
    if not (connection.server_public and connection.client):
        raise KeyFileError(f"link file: got {path.name}, a connection file of its own machine. {remedy}")
    return connection
