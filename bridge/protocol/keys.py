"""CURVE keys: the server's pair, the clients it allows, and the signing key of each. Knows no socket.

`curve/server.secret`, `curve/server.public`, `curve/clients/<name>.public` and `<name>.rights` in the product's folder,
`curve/revoked/<mark>.public` for the keys that were taken back; a client's own pair is `curve/own.secret`,
`curve/own.public`. Secrets are 0600 from the moment they exist.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq
import zmq.utils.z85

from bridge.protocol.errors import KeyFileError
from bridge.protocol.home import Connection, Endpoints, make_home
from bridge.system.atomic import write_private

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
REVOKED_STATUS = 500  # of ZAP, to the owner of a revoked key; 400 to others
RIGHTS = ("unload", "controls")  # what a client may be allowed besides rendering
_PURPOSE = b"acestep-bridge wire 1 "


@dataclass(frozen=True)
class KeyPair:
    """A CURVE pair, each 40 characters of Z85."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"


def own_pair(home: Path) -> KeyPair:
    """This machine's pair as a client, made if there is none."""
    return _pair(home, "own")


def server_pair(home: Path) -> KeyPair:
    """This machine's pair as a server, made if there is none."""
    return _pair(home, "server")


def allow(home: Path, name: str, public: str, rights: Sequence[str] = ()) -> None:
    """Let a client in, to render, and for the rights given. Raises KeyFileError for what cannot be used."""
    _check_public(public)
    for right in rights:
        if right not in RIGHTS:
            raise KeyFileError(f"right: got {right!r}, expected {' or '.join(RIGHTS)}.")
    folder = _clients(home)
    write_private(folder / f"{_checked(name)}.rights", " ".join(rights).encode("ascii"))
    write_private(folder / f"{_checked(name)}.public", public.encode("ascii"))
    _revoked_path(home, public).unlink(missing_ok=True)


def allowed(home: Path) -> dict[str, str]:
    """Name to public key of the clients that are let in."""
    clients = {p.stem: _read(p) for p in sorted(_clients(home).glob("*.public"))}
    return {name: public for name, public in clients.items() if _is_key(public)}


def rights(home: Path, name: str) -> frozenset[str]:
    """What an allowed client may do besides rendering."""
    return frozenset(_read(home / "curve" / "clients" / f"{name}.rights").split()) & frozenset(RIGHTS)


def changed_at(home: Path) -> int:
    """A number that is another one after a client was allowed or revoked."""
    return (home / "curve" / "clients").stat().st_mtime_ns


def revoke(home: Path, name: str) -> None:
    """Let a client in no more. Raises KeyFileError if it is not known."""
    path = _clients(home) / f"{_checked(name)}.public"
    if not path.exists():
        known = ", ".join(allowed(home)) or "none"
        raise KeyFileError(f"client: got {name!r}, expected one of: {known}.")
    public = _read(path)
    if _is_key(public):
        make_home(home / "curve" / "revoked")
        write_private(_revoked_path(home, public), public.encode("ascii"))
    path.unlink()
    path.with_name(f"{name}.rights").unlink(missing_ok=True)


def was_revoked(home: Path, public: str) -> bool:
    """Whether this key was let in once and taken back since, so that its owner, and nobody else, is told so."""
    return _read(_revoked_path(home, public)) == public


def _revoked_path(home: Path, public: str) -> Path:
    return home / "curve" / "revoked" / f"{mark(public)}.public"


def wire_key(server_secret: str, client_public: str) -> str:
    """The key with which a CURVE client signs: 64 hexadecimal characters."""
    text = _PURPOSE + client_public.encode("ascii")
    return hmac.new(server_secret.encode("ascii"), text, hashlib.sha256).hexdigest()


def mark(client_public: str) -> str:
    """What the ids of a client's jobs begin with: 8 hexadecimal characters, by its key."""
    return hashlib.sha256(b"acestep-bridge jobs " + client_public.encode("ascii")).hexdigest()[:8]


def events_key(server_secret: str) -> str:
    """The key with which a server signs events for CURVE clients."""
    return wire_key(server_secret, "events")


def link(home: Path, name: str, endpoints: Endpoints) -> Connection:
    """What an allowed client needs to connect. It holds that client's signing key: keep it private."""
    clients = allowed(home)
    if name not in clients:
        raise KeyFileError(f"client: got {name!r}, which is not allowed. `acestep-bridge keys allow` lets it in.")
    pair = server_pair(home)
    return Connection(
        endpoints=endpoints,
        key=wire_key(pair.secret, clients[name]),
        server_public=pair.public,
        client=name,
        events_key=events_key(pair.secret),
        client_public=clients[name],
    )


def write_link(path: Path, connection: Connection) -> None:
    """Write a link file, 0600."""
    write_private(path, msgspec.json.encode(connection))


def _pair(home: Path, name: str) -> KeyPair:
    folder = make_home(home / "curve")
    secret, public = folder / f"{name}.secret", folder / f"{name}.public"
    if not secret.exists():
        made_public, made_secret = zmq.curve_keypair()
        while made_public.startswith(b"-"):  # it is typed after `keys allow NAME`: that would be an option
            made_public, made_secret = zmq.curve_keypair()
        write_private(public, made_public)
        write_private(secret, made_secret)
    pair = KeyPair(_read(public), _read(secret))
    for path, key in ((public, pair.public), (secret, pair.secret)):
        if not _is_key(key):
            remedy = "Remove both files of the pair; the next command makes a new one, which others must allow again."
            raise KeyFileError(f"key file: {path}: got {len(key)} characters, expected 40 of Z85. {remedy}")
    return pair


def _clients(home: Path) -> Path:
    return make_home(home / "curve" / "clients")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise KeyFileError(f"name: got {name!r}, expected letters, digits, '.', '_' and '-', at most 64.")
    return name


def _check_public(public: str) -> None:
    if len(public) != 40:
        raise KeyFileError(f"public key: got {len(public)} characters, expected 40, as `keys new` prints them.")
    if not _is_key(public):
        raise KeyFileError("public key: expected 40 characters of Z85, as `keys new` prints them.")


def _read(path: Path) -> str:
    """A key as it lies there; what is damaged is found by `_is_key`."""
    return path.read_text("ascii", errors="replace").strip() if path.is_file() else ""


def _is_key(text: str) -> bool:
    try:
        zmq.utils.z85.decode(text.encode("ascii"))
    except (ValueError, KeyError, IndexError, struct.error):
        return False
    return len(text) == 40
