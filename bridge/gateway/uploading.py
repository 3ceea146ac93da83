"""Uploads as the official clients send them, and files as they fetch them. Knows HTTP and hosting, no job.

JavaScript announces an upload and then sends it without any header of its own, to an address that holds a token.
Python asks for a token and sends with it. Large files come in parts, each client in its own way.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.gateway.calling import decoded
from bridge.gateway.file_answers import FileAnswer
from bridge.gateway.hosting import Hosting, file_url
from bridge.gateway.inputs import BadInput, problem
from bridge.gateway.ledger import UploadRow
from bridge.gateway.reading_bodies import announced_size, base_of, chunks_of, keep_seconds_of, read_body
from bridge.gateway.secret_files import Secrets

_MOST_JSON_BYTES = 1 << 20
_SHOWN = ("audio/", "image/png", "image/jpeg")
_FILE_HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'; media-src 'self'",
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": "private, max-age=3600",
    "referrer-policy": "no-referrer",
}


class Uploading:
    """The handlers."""

    def __init__(self, hosting: Hosting, secrets: Secrets) -> None:
        self._hosting, self._secrets = hosting, secrets

    def routes(self) -> list[Route]:
        """JavaScript's under /rest and /upload, Python's under /rest and /cdn, files under /files."""
        parts = "/files/{token}/{name}/multipart/{upload_id}"
        return [
            Route("/rest/storage/upload/initiate", self._announce, methods=["POST"]),
            Route("/rest/storage/upload/initiate-multipart", self._announce, methods=["POST"]),
            Route("/rest/storage/auth/token", self._pass, methods=["POST"]),
            Route("/upload/{upload_id}", self._put, methods=["PUT"]),
            Route("/upload/{upload_id}/complete", self._complete, methods=["POST"]),
            Route("/upload/{upload_id}/{number:int}", self._put_part, methods=["PUT"]),
            Route("/cdn/files/upload", self._post, methods=["POST"]),
            Route("/cdn/files/upload/multipart", self._begin, methods=["POST"]),
            Route(f"{parts}/complete", self._complete, methods=["POST"]),
            Route(f"{parts}/{{number:int}}", self._put_part, methods=["PUT"]),
            Route("/files/{token}/{name}", self._file, methods=["GET"]),
        ]

    async def _announce(self, request: Request) -> Response:
        body = decoded(await read_body(request, _MOST_JSON_BYTES) or b"{}")
        if not isinstance(body, dict):
            raise BadInput([problem(["body"], "The body: expected {content_type, file_name}.", "dict_type")])
        upload = self._announced(request, _text(body, "content_type"), _text(body, "file_name"))
        base = base_of(request)
        url = file_url(base, upload.token, upload.file_name)
        return JSONResponse({"upload_url": f"{base}/upload/{upload.upload_id}", "file_url": url})

    def _announced(self, request: Request, content_type: str, file_name: str) -> UploadRow:
        seconds = keep_seconds_of(request, "x-fal-object-lifecycle")
        return self._hosting.announce(content_type, file_name, seconds)

    async def _put(self, request: Request) -> Response:
        upload_id = request.path_params["upload_id"]
        upload = self._hosting.upload(upload_id)
        done = self._hosting.completed(upload_id)
        if upload is None and done is None:
            return _no_upload()
        self._hosting.check_size(announced_size(request))
        if done is not None:  # sent again, since the answer was lost
            same = await _hash_of(chunks_of(request)) == done.sha256
            return JSONResponse({"file_size": done.size, "sha256": done.sha256}) if same else _no_upload()
        assert upload is not None
        row = await self._hosting.take_in(upload, chunks_of(request))
        return JSONResponse({"file_size": row.size, "sha256": row.sha256})

    async def _put_part(self, request: Request) -> Response:
        upload = self._hosting.upload(request.path_params["upload_id"])
        if upload is None:
            return _no_upload()
        self._hosting.check_size(announced_size(request))
        number = request.path_params["number"]
        etag = await self._hosting.take_part(upload, number, chunks_of(request))
        return JSONResponse({"partNumber": number, "etag": etag}, headers={"ETag": f'"{etag}"'})

    async def _complete(self, request: Request) -> Response:
        upload_id = request.path_params["upload_id"]
        done = self._hosting.completed(upload_id)
        if done is not None:
            return JSONResponse({"access_url": file_url(base_of(request), done.token, done.file_name)})
        upload = self._hosting.upload(upload_id)
        if upload is None:
            return _no_upload()
        numbers = _part_numbers(decoded(await read_body(request, _MOST_JSON_BYTES)))
        try:
            row = await self._hosting.join(upload, numbers)
        except FileNotFoundError as error:
            text = f"parts: got {numbers[:20]}, of which some did not arrive. Send them again."
            raise BadInput([problem(["body", "parts"], text, "value_error")]) from error
        return JSONResponse({"access_url": file_url(base_of(request), row.token, row.file_name)})

    async def _pass(self, request: Request) -> Response:
        token, until = self._secrets.new_pass()
        answer = {"token": token, "token_type": "Bearer", "base_url": f"{base_of(request)}/cdn"}
        return JSONResponse(answer | {"expires_at": datetime.fromtimestamp(until, UTC).isoformat()})

    async def _post(self, request: Request) -> Response:
        self._hosting.check_size(announced_size(request))
        headers = request.headers
        upload = self._announced(request, headers.get("content-type", ""), headers.get("x-fal-file-name", ""))
        row = await self._hosting.take_in(upload, chunks_of(request))
        return JSONResponse({"access_url": file_url(base_of(request), row.token, row.file_name)})

    async def _begin(self, request: Request) -> Response:
        headers = request.headers
        upload = self._announced(request, headers.get("content-type", ""), headers.get("x-fal-file-name", ""))
        url = file_url(base_of(request), upload.token, upload.file_name)
        return JSONResponse({"access_url": url, "uploadId": upload.upload_id})

    async def _file(self, request: Request) -> Response:
        hosted = self._hosting.find(request.path_params["token"])
        if hosted is None:
            return JSONResponse({"detail": "No such file is here, or no more."}, 404)
        row, path = hosted
        shown = row.content_type.startswith(_SHOWN)
        kind = row.content_type if shown else "application/octet-stream"
        return FileAnswer(path, kind, row.file_name, _FILE_HEADERS, "inline" if shown else "attachment")


async def _hash_of(chunks: AsyncIterator[bytes]) -> str:
    digest = hashlib.sha256()
    async for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise BadInput([problem(["body", name], f"{name}: expected text.", "string_type")])
    return value


def _part_numbers(body: Any) -> list[int]:
    """The parts of a complete upload: told in any order, in both clients' words. Raises BadInput."""
    try:
        part_numbers = [part.get("partNumber", part.get("part_number")) for part in body["parts"]]
        numbers = sorted(set(msgspec.convert(part_numbers, list[int])))
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError):
        numbers = []
    if numbers:
        return numbers
    text = "parts: expected a list of {partNumber, etag}."
    raise BadInput([problem(["body", "parts"], text, "list_type")])


def _no_upload() -> Response:
    text = "No upload is awaited here: it is complete, or was never announced. Announce it again."
    return JSONResponse({"detail": text}, 404)
