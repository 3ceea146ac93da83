"""Who may call: the Host that is named, the web page that asks, the key. And the proxy's address, led to the others.

Any web page can reach a port of this machine, so every call carries the key, except for what cannot (files by their
unguessable address, uploads by theirs) and what tells nothing (the description, the public key of webhooks).
Knows no endpoint's meaning. ASGI; runs before a body is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.gateway.secret_files import Secrets

PROXY_PATH = "/api/fal/proxy"
PREFIX_OF_HOST = {
    "fal.run": "/run",
    "queue.fal.run": "/queue",
    "rest.fal.ai": "/rest",
    "rest.fal.run": "/rest",
    "rest.alpha.fal.ai": "/rest",
    "v3.fal.media": "/cdn",
    "fal.media": "/cdn",
}
_OPEN = ("/files/", "/upload/", "/assets/")
_OPEN_EXACTLY = ("/", "/openapi.json", "/.well-known/jwks.json", "/rest/.well-known/jwks.json", "/favicon.ico")
_EXPOSED = "x-fal-request-id, x-fal-request-timeout-type, x-fal-error-type, x-fal-retryable, content-range, etag"
_HOST = re.compile(r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{0,5}))?")
_HIGHEST_PORT = 65_535
_ASKED = ("authorization", "content-type", "accept", "range", "idempotency-key")


class Guard:
    """The middleware around the whole application."""

    def __init__(self, app: ASGIApp, secrets: Secrets, hosts: frozenset[str], origins: Iterable[str]) -> None:
        self._app = app
        self._secrets = secrets
        self._hosts = hosts
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if host_name(headers.get("host", "")) not in self._hosts:
            text = "Host: got a name that this gateway does not go by, expected 127.0.0.1, localhost or a --name."
            return await JSONResponse({"detail": text}, 403)(scope, receive, send)
        origin = headers.get("origin", "")
        listed = origin in self._origins
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await self._preflight(headers, listed)(scope, receive, send)
        answer = self._refusal(scope, headers)
        sent = _with_cors(send, origin) if listed else send
        if answer is not None:
            return await answer(scope, receive, sent)
        await self._app(scope, receive, sent)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a call that goes no further; else its path is the one that it means."""
        if scope["path"].rstrip("/") == PROXY_PATH:
            if not self._secrets.accepts(headers.get("authorization", "")):
                return _no_key()
            return _follow_proxy(scope, headers.get("x-fal-target-url", ""))
        path = scope["path"]
        if path.startswith(_OPEN) or path in _OPEN_EXACTLY:
            return None
        given = headers.get("authorization", "")
        by_pass = path.startswith("/cdn/") and self._secrets.accepts_pass(given)
        return None if by_pass or self._secrets.accepts(given) else _no_key()

    def _preflight(self, headers: Headers, listed: bool) -> Response:
        if not listed:
            text = "Origin: got a web page that is not listed. Let it call: acestep-bridge gateway --origin URL."
            return JSONResponse({"detail": text}, 403)
        asked = [name.strip().lower() for name in headers.get("access-control-request-headers", "").split(",")]
        allowed = [name for name in asked if name in _ASKED or name.startswith("x-fal-")]
        told = {
            "access-control-allow-origin": headers["origin"],
            "access-control-allow-methods": "GET, POST, PUT, OPTIONS",
            "access-control-allow-headers": ", ".join(allowed),
            "access-control-max-age": "600",
            "vary": "Origin",
        }
        if headers.get("access-control-request-private-network") == "true":
            told["access-control-allow-private-network"] = "true"
        return Response(status_code=204, headers=told)


@lru_cache(maxsize=64)
def host_name(host: str) -> str:
    """A Host header without its port and the root's dot, in lower case; "" for one that is none.

    It is strict, since addresses are made of it: no user, no path, a port that there may be.
    """
    found = _HOST.fullmatch(host)
    if found is None or int(found["port"] or 0) > _HIGHEST_PORT:
        return ""
    return (found["literal"] or found["name"].removesuffix(".")).lower()


def _no_key() -> Response:
    text = (
        "Authorization: expected 'Key <key>'. The key lies in gateway/key of the product's folder; `gateway` shows it."
    )
    return JSONResponse({"detail": text, "error_type": "unauthorized"}, 401, {"www-authenticate": "Key"})


def _follow_proxy(scope: Scope, target: str) -> Response | None:
    """Lead a call of the proxy to the path that it means; nothing is ever forwarded to another host."""
    try:
        parts = urlsplit(target)
        prefix = PREFIX_OF_HOST[(parts.hostname or "").lower()]
    except (ValueError, KeyError):
        expected = ", ".join(PREFIX_OF_HOST)
        text = f"x-fal-target-url: got {target[:200]!r}, expected a URL of {expected}. Nothing else is reached by here."
        return JSONResponse({"detail": text, "error_type": "bad_request"}, 400)
    scope["path"] = prefix + parts.path
    scope["raw_path"] = scope["path"].encode("utf-8", "replace")
    scope["query_string"] = parts.query.encode("utf-8", "replace")
    return None


def _with_cors(send: Send, origin: str) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = _EXPOSED
            headers.add_vary_header("Origin")
        await send(message)

    return with_headers
