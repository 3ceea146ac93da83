"""The gateway put together as one ASGI application. Knows the parts and how errors are told, not what calls do."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.gateway import page_files
from bridge.gateway.answers import without_paths
from bridge.gateway.calling import AsciiJson, Calling
from bridge.gateway.desk import Desk
from bridge.gateway.gateway_settings import GatewaySettings
from bridge.gateway.guard import Guard
from bridge.gateway.hosting import Hosting, TooLarge
from bridge.gateway.inputs import BadInput, problem
from bridge.gateway.openapi import openapi
from bridge.gateway.reading_bodies import ClientDisconnect, base_of
from bridge.gateway.secret_files import Secrets
from bridge.gateway.studio import Studio
from bridge.gateway.uploading import Uploading
from bridge.protocol.errors import BridgeError, RequestFailed, StoreUnavailable

_STATUS = {
    **dict.fromkeys(("unknown_job", "unknown_audio", "unknown_model"), 404),
    **dict.fromkeys(("not_finished", "job_active", "job_failed", "job_cancelled", "invalid_request"), 400),
    "disk_full": 507,
    "store_busy": 503,
    "shutting_down": 503,
}
_LOG = logging.getLogger("bridge.gateway")


def hosts_of(settings: GatewaySettings) -> frozenset[str]:
    """The names that a call may name in `Host`, and that addresses of hosted files may have."""
    named = {settings.host.lower(), *(name.lower() for name in settings.names)}
    return frozenset({"127.0.0.1", "localhost", "::1", *(named - {"0.0.0.0", "::", ""})})


def application(
    settings: GatewaySettings, desk: Desk, hosting: Hosting, secrets: Secrets, studio: Studio, version: str
) -> ASGIApp:
    """The whole application."""
    hosts = hosts_of(settings)

    async def describe(request: Request) -> Response:
        return AsciiJson(openapi(base_of(request), version))

    async def key_set(request: Request) -> Response:
        return AsciiJson(secrets.key_set(), headers={"cache-control": "public, max-age=3600"})

    routes = [
        *Calling(desk, settings, hosts).routes(),
        Route("/openapi.json", describe),
        Route("/.well-known/jwks.json", key_set),
        Route("/rest/.well-known/jwks.json", key_set),
        *page_files.routes(),
        *studio.routes(),
        *Uploading(hosting, secrets).routes(),
    ]
    app = Starlette(routes=routes, exception_handlers=_handlers())
    app.router.redirect_slashes = False  # asynchronous Python does not follow redirects
    return Guard(app, secrets, hosts, settings.origins)


Handle = Callable[[Request, Any], Awaitable[Response]]


def _handlers() -> dict[Any, Handle]:
    return {
        BadInput: _bad_input,
        TooLarge: _too_large,
        ClientDisconnect: _hung_up,
        RequestFailed: _request_failed,
        BridgeError: _no_daemon,
        StoreUnavailable: _no_store,
        OSError: _of_the_system,
        HTTPException: _http,
        Exception: _fault,
    }


async def _bad_input(request: Request, error: BadInput) -> Response:
    return AsciiJson({"detail": without_paths(error.problems)}, 422, {"x-fal-retryable": "false"})


async def _too_large(request: Request, error: TooLarge) -> Response:
    entry = problem(["body"], str(error), "file_too_large", {"max_size": error.limit})
    return AsciiJson({"detail": [entry]}, 413, {"x-fal-retryable": "false", "connection": "close"})


async def _hung_up(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _request_failed(request: Request, error: RequestFailed) -> Response:
    code = _STATUS.get(error.code, 500)
    kind = "internal_error" if code >= 500 else "bad_request"
    body = {"detail": without_paths(str(error)), "error_type": kind}
    return AsciiJson(body | ({"status": "NOT_FOUND"} if code == 404 else {}), code, {"x-fal-error-type": kind})


async def _no_daemon(request: Request, error: BridgeError) -> Response:
    text = f"The daemon does not answer: {without_paths(str(error))}"
    return AsciiJson({"detail": text, "error_type": "internal_error"}, 500, {"x-fal-error-type": "internal_error"})


async def _no_store(request: Request, error: StoreUnavailable) -> Response:
    body = {"detail": without_paths(str(error)), "error_type": "internal_error"}
    return AsciiJson(body, 507 if error.code == "disk_full" else 503)


async def _of_the_system(request: Request, error: OSError) -> Response:
    if isinstance(error, FileNotFoundError):  # found a moment ago
        return AsciiJson({"detail": "That file is here no more.", "error_type": "not_found"}, 404)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    text = "The disk is full. Free some space." if full else f"The file system: {error.strerror or 'no answer'}."
    return AsciiJson({"detail": text, "error_type": "internal_error"}, 507 if full else 500)


async def _http(request: Request, error: HTTPException) -> Response:
    text = f"{request.method} {request.url.path[:200]}: {error.detail}. See docs/http.md or /openapi.json."
    kind = {404: "not_found", 405: "bad_request"}.get(error.status_code, "bad_request")
    return AsciiJson({"detail": text, "error_type": kind}, error.status_code, dict(error.headers or {}))


async def _fault(request: Request, error: Exception) -> Response:
    _LOG.error("a fault inside: %s", type(error).__name__, exc_info=error)
    text = f"A fault inside ({type(error).__name__}). The gateway's log has the details."
    return AsciiJson({"detail": text, "error_type": "internal_error"}, 500, {"x-fal-error-type": "internal_error"})
