"""What the gateway keeps to itself: the key that calls carry, and the key that signs webhooks. Files 0600.

Webhooks are signed with Ed25519 (RFC 8032); receivers read the public key as a JSON Web Key (RFC 8037).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.protocol.errors import KeyFileError
from bridge.system.atomic import write_private

USER_ID = "local"
_PASS_SECONDS = 24 * 3600
_SHORTEST = 16


@dataclass(frozen=True)
class Secrets:
    """`key` stands in `Authorization: Key ...`; `signing` are the 32 bytes of an Ed25519 private key."""

    key: str
    signing: bytes

    def __repr__(self) -> str:
        return "Secrets()"

    def accepts(self, authorization: str) -> bool:
        """Whether a header is `Key <key>` or `Bearer <key>`, compared in constant time."""
        scheme, _, given = authorization.strip().partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.key.encode())
        return same and scheme.lower() in ("key", "bearer")

    @property
    def here(self) -> str:
        """What a page has that this machine's user has opened; the key alone does not give it."""
        return hmac.new(self.signing, b"a page of this machine's user", hashlib.sha256).hexdigest()

    def accepts_here(self, given: str) -> bool:
        """Whether it is that word, compared in constant time."""
        return hmac.compare_digest(given.strip().encode(), self.here.encode())

    def new_pass(self, now: float | None = None) -> tuple[str, float]:
        """A token for uploads, and until when it is good (seconds since 1970). Nothing is stored."""
        until = (time.time() if now is None else now) + _PASS_SECONDS
        return f"{until:.0f}.{self._sign_pass(f'{until:.0f}')}", until

    def accepts_pass(self, authorization: str, now: float | None = None) -> bool:
        """Whether a header carries such a token that is still good."""
        _, _, given = authorization.strip().partition(" ")
        until, _, mark = given.strip().partition(".")
        same = hmac.compare_digest(mark.encode(), self._sign_pass(until).encode())
        return same and until.isascii() and until.isdigit() and int(until) > (time.time() if now is None else now)

    def _sign_pass(self, until: str) -> str:
        return hmac.new(self.signing, f"upload {until}".encode(), hashlib.sha256).hexdigest()

    def signature(self, request_id: str, timestamp: str, body: bytes) -> str:
        """The signature of one attempt to deliver `body`, in hexadecimal."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        text = "\n".join((request_id, USER_ID, timestamp, hashlib.sha256(body).hexdigest()))
        return Ed25519PrivateKey.from_private_bytes(self.signing).sign(text.encode()).hex()

    def key_set(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        public = Ed25519PrivateKey.from_private_bytes(self.signing).public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(public).decode().rstrip("=")
        kid = hashlib.sha256(public).hexdigest()[:16]
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}]}


def secrets_of(folder: Path) -> Secrets:
    """Read them, or make those that are not there. Raises KeyFileError for a damaged file."""
    key = _read(folder / "key", secrets.token_urlsafe(32))
    signing = _read(folder / "webhook.secret", secrets.token_hex(32))
    with contextlib.suppress(ValueError):
        if len(bytes.fromhex(signing)) == 32:
            return Secrets(key, bytes.fromhex(signing))
    path = folder / "webhook.secret"
    raise KeyFileError(f"{path}: expected 64 hexadecimal characters. Remove the file; a new one is made.")


def _read(path: Path, fresh: str) -> str:
    if not path.exists():
        write_private(path, f"{fresh}\n".encode())
    text = path.read_text("ascii", errors="replace").strip()
    if len(text) < _SHORTEST or not text.isprintable() or " " in text:
        raise KeyFileError(f"{path}: expected a key of {_SHORTEST} characters or more. Remove it; a new one is made.")
    path.chmod(0o600)
    return text
