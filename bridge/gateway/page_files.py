"""The page at `/` and its files under `/assets/`: read from the package, served with a policy that allows no other
origin. Knows no job; without a key nothing here tells more than the program itself.
"""

from __future__ import annotations

import mimetypes
import secrets
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "page"
_ENDINGS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-cache",
}


def routes() -> list[Route]:
    """The page, its files, its icon."""
    return [
        Route("/", _page, methods=["GET"]),
        Route("/assets/{name:path}", _asset, methods=["GET"]),
        Route("/favicon.ico", _icon, methods=["GET"]),
    ]


def policy(nonce: str) -> str:
    """The Content-Security-Policy of the page: its own files only. The nonce is for the waveform's style sheet."""
    return (
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
        f"media-src 'self' blob:; style-src 'self' 'nonce-{nonce}'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def assets() -> dict[str, Path]:
    """Name below `/assets/` to file: what the package has, and nothing that a path could lead out to."""
    files = (path for path in FOLDER.rglob("*") if path.suffix in _ENDINGS)
    return {path.relative_to(FOLDER).as_posix(): path for path in files}


async def _page(request: Request) -> Response:
    nonce = secrets.token_urlsafe(16)
    text = (FOLDER / "index.html").read_text("utf-8").replace("NONCE", nonce)
    return Response(text, headers={**_HEADERS, "content-security-policy": policy(nonce)}, media_type="text/html")


async def _asset(request: Request) -> Response:
    path = assets().get(request.path_params["name"])
    if path is None:
        return JSONResponse({"detail": "No such file."}, 404)
    return _file(path)


async def _icon(request: Request) -> Response:
    return _file(assets()["icon.svg"])


def _file(path: Path) -> Response:
    kind = _ENDINGS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {**_HEADERS, "content-security-policy": "default-src 'none'"}
    return Response(path.read_bytes(), headers=headers, media_type=kind)
