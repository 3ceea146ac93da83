"""How a link to another machine stands: who is asked, what comes back, and what to do. Knows CURVE, no operation.

a TCP connection      nothing there, nobody listens, or somebody does
CURVE's handshake     the daemon refuses this computer's key, or is another one than the link file says
a signed `hello`      the link file is this client's
"""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.client.sync import Client
from bridge.client.transport import Timeouts
from bridge.protocol.errors import BridgeError
from bridge.protocol.home import Connection, read_connection
from bridge.protocol.keys import REVOKED_STATUS, KeyPair, own_pair
from bridge.protocol.linked import Linked
from bridge.protocol.messages import HelloReply, ModelsReply

SECONDS = 5.0
REMOVE = "To render on this computer again: acestep-bridge link --remove"


class Standing(StrEnum):
    """What came of asking."""

    ANSWERS = "answers"
    NOT_FOUND = "not_found"  # no machine of that name
    SILENT = "silent"  # no answer at all
    STOPPED = "stopped"  # the machine is there; nothing listens at the port
    NO_DAEMON = "no_daemon"  # something else listens
    OTHER_DAEMON = "other_daemon"  # its key is not the link file's
    REVOKED = "revoked"  # the key was let in before, and taken back there
    REPLACED = "replaced"  # it was let in before, is not now, and was not taken back
    OTHER_KEY = "other_key"  # the link file was written for another computer's key
    NEW_KEY = "new_key"  # this computer's key has changed since
    NOT_ALLOWED = "not_allowed"  # this computer's key was never let in
    OTHER_CLIENT = "other_client"  # the link file was written for another client's key


@dataclass(frozen=True)
class LinkState:
    """The answer: `hello` and `models` where there is one, else a sentence about whose side is at fault, and what to
    do.
    """

    standing: Standing
    hello: HelloReply | None = None
    text: str = ""
    remedy: str = ""
    models: ModelsReply | None = None

    @property
    def sentence(self) -> str:
        """Text and remedy."""
        return f"{self.text} {self.remedy}".strip()


def machine(connection: Connection) -> str:
    """The other machine as a person knows it: the machine at 192.168.1.5."""
    return f"the machine at {_address(connection)[0]}"


def link_state(home: Path, link: Path, seconds: float = SECONDS) -> LinkState:
    """Ask the machine that a link file names. Raises DaemonNotRunning and ProtocolError for a file that is none."""
    connection = read_connection(link)
    pair = own_pair(home)
    limit = time.monotonic() + seconds
    standing = _reached(connection, seconds) or _greeted(connection, pair, limit)
    if standing is None:
        with contextlib.suppress(BridgeError), Client.connect(home, link, _left(limit)) as client:
            return LinkState(Standing.ANSWERS, client.hello(), models=client.models())
        standing = Standing.OTHER_CLIENT
    if standing is Standing.NOT_ALLOWED:
        standing = _refusal(link, connection, pair)
    return _told(standing, connection, pair)


def _reached(connection: Connection, seconds: float) -> Standing | None:
    try:
        socket.create_connection(_address(connection), seconds).close()
    except socket.gaierror:
        return Standing.NOT_FOUND
    except ConnectionRefusedError:
        return Standing.STOPPED
    except OSError:
        return Standing.SILENT
    return None


def _greeted(connection: Connection, pair: KeyPair, limit: float) -> Standing | None:
    """What the handshake gives; None where it succeeds."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.curve_serverkey = connection.server_public.encode("ascii")
        dealer.curve_publickey = pair.public.encode("ascii")
        dealer.curve_secretkey = pair.secret.encode("ascii")
        monitor = dealer.get_monitor_socket()
        try:
            dealer.connect(connection.endpoints.commands)
            while (left := limit - time.monotonic()) > 0:
                if monitor.poll(int(left * 1000) + 1):
                    message = recv_monitor_message(monitor)
                    event = message["event"]
                    if event == zmq.Event.HANDSHAKE_FAILED_AUTH and message["value"] == REVOKED_STATUS:
                        return Standing.REVOKED
                    if event in _OF_EVENT:
                        return _OF_EVENT[zmq.Event(event)]
        finally:
            dealer.disable_monitor()
            monitor.close(0)
    return Standing.NO_DAEMON


_OF_EVENT: dict[zmq.Event, Standing | None] = {
    zmq.Event.HANDSHAKE_SUCCEEDED: None,
    zmq.Event.HANDSHAKE_FAILED_AUTH: Standing.NOT_ALLOWED,
    zmq.Event.HANDSHAKE_FAILED_NO_DETAIL: Standing.OTHER_DAEMON,
    zmq.Event.HANDSHAKE_FAILED_PROTOCOL: Standing.NO_DAEMON,
}


def _refusal(link: Path, connection: Connection, pair: KeyPair) -> Standing:
    """Why a key that was not revoked is refused: link files know the key that was let in; those in use, this
    computer's of then."""
    import msgspec

    linked = None
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        linked = msgspec.json.decode(link.read_bytes(), type=Linked)
    if linked is not None and linked.own_public not in ("", pair.public):
        return Standing.NEW_KEY
    if connection.client_public and connection.client_public != pair.public:
        return Standing.OTHER_KEY
    return Standing.REPLACED if connection.client_public or linked is not None else Standing.NOT_ALLOWED


def _told(standing: Standing, connection: Connection, pair: KeyPair) -> LinkState:
    host, port = _address(connection)
    there, name = machine(connection), connection.client
    beginning = there[0].upper() + there[1:]
    allow = f"Run there: acestep-bridge keys allow {name} '{pair.public}'"
    again = f"{allow}, then: acestep-bridge link {name}, and here --use the new file."
    texts = {
        Standing.NOT_FOUND: (f"No machine is called {host}.", "Check the name, or use its address in a new link file."),
        Standing.SILENT: (
            f"{beginning} does not answer at port {port}.",
            "Is it on, in this network, and the port open in its firewall?",
        ),
        Standing.STOPPED: (
            f"{beginning} is on, but its daemon does not run (nothing listens at port {port}).",
            f"Start it there: acestep-bridge serve --bind tcp://0.0.0.0:{port}",
        ),
        Standing.NO_DAEMON: (
            f"What listens at port {port} of {there} is no daemon of acestep-bridge.",
            "Check the port in the link file, and what runs there.",
        ),
        Standing.OTHER_DAEMON: (
            f"The daemon of {there} is another than the link file says: its key is a new one.",
            f"Write a new link file there: acestep-bridge link {name}",
        ),
        Standing.REVOKED: (
            f"{beginning} lets this computer in no more: its key as {name!r} was revoked there.",
            again,
        ),
        Standing.REPLACED: (
            f"{beginning} lets this computer in no more: another key is allowed as {name!r} there now, or its list of "
            "keys is another one (a new folder).",
            again,
        ),
        Standing.OTHER_KEY: (
            f"{beginning} does not let this computer in: the link file was written for another computer's key.",
            again,
        ),
        Standing.NEW_KEY: (f"This computer's key has changed since {there} let it in as {name!r}.", again),
        Standing.NOT_ALLOWED: (
            f"{beginning} does not let this computer in: {name!r} is allowed there with another key, or not at all.",
            again,
        ),
        Standing.OTHER_CLIENT: (
            f"{beginning} knows this computer's key, but not as {name!r}: the link file is of another client.",
            "Write one there for the name under which this computer is allowed (keys list).",
        ),
    }
    text, remedy = texts[standing]
    return LinkState(standing, None, text, remedy)


def _address(connection: Connection) -> tuple[str, int]:
    host, _, port = connection.endpoints.commands.removeprefix("tcp://").rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else 0


def _left(limit: float) -> Timeouts:
    return Timeouts(connect=max(1.0, limit - time.monotonic()))
