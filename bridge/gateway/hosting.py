"""Files that callers can fetch: uploads and results, by unguessable tokens, kept in the daemon's store of audio.

An upload is written once, as it comes, and counted against the quota; parts of a large one lie in the gateway's folder
until they are joined. Knows the store and the ledger, no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from bridge.files import AudioStore
from bridge.files.store import suffix_of
from bridge.gateway.gateway_settings import GatewaySettings
from bridge.gateway.ledger import HostedRow, Ledger, UploadRow
from bridge.protocol.messages import AudioFile
from engine.atomic import sync, sync_folder

_NAME = re.compile(r"[^\w.() +-]", re.ASCII)
_UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MOST_PARTS = 10_000
_COPY_BYTES = 1 << 18
_JOIN_SECONDS = 24 * 3600.0


class TooLarge(Exception):
    """More bytes than one upload, or all of them together, may have. `limit` in bytes."""

    def __init__(self, limit: int, text: str) -> None:
        super().__init__(text)
        self.limit = limit


class Hosting:
    """Takes files in and finds them again."""

    def __init__(self, settings: GatewaySettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._parts = settings.folder / "parts"
        self.store = AudioStore(settings.home / "audio")
        self._on_their_way: dict[Path, int] = {}  # bytes of files that are being written

    def prepare(self) -> None:
        """Make the folders; parts of uploads that nobody went on with for a day are removed."""
        self.store.make_folders()
        self._parts.mkdir(exist_ok=True, mode=0o700)
        for folder in self._parts.iterdir():
            if folder.stat().st_mtime < time.time() - _JOIN_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def announce(self, content_type: str, file_name: str, keep_seconds: float = 0.0) -> UploadRow:
        """A new upload: an address to send it to, and the token it will be fetched by."""
        row = UploadRow(
            upload_id=secrets.token_urlsafe(24),
            token=secrets.token_urlsafe(24),
            content_type=safe_type(content_type),
            file_name=safe_name(file_name),
            created=time.time(),
            keep_seconds=keep_seconds,
        )
        self._ledger.keep(row)
        return row

    def check_size(self, announced: int | None, beside: int = 0) -> None:
        """Raises TooLarge for an upload whose announced size is too much, before a byte of it is read.

        `beside`: bytes of other uploads that are on their way.
        """
        limit = self._settings.max_upload_bytes
        if (announced or 0) > limit:
            raise TooLarge(limit, f"got {announced} bytes, expected at most {limit} in one file. Send it as FLAC.")
        left = max(0, self._settings.quota_bytes - self._ledger.hosted_bytes() - beside)
        if (announced or 0) > left:
            text = (
                f"got {announced} bytes, but uploads may take {self._settings.quota_bytes} together; {left} are left."
            )
            raise TooLarge(left, f"{text} Raise it with acestep-bridge gateway --quota-gb.")

    async def take_in(self, upload: UploadRow, chunks: AsyncIterator[bytes]) -> HostedRow:
        """Write an upload as it comes. Raises TooLarge, OSError; nothing is left then."""
        path = self.store.new_path(".upload")
        try:
            await self._write(path, chunks)
            return await self._adopt(path, upload)
        finally:
            path.unlink(missing_ok=True)

    async def take_part(self, upload: UploadRow, number: int, chunks: AsyncIterator[bytes]) -> str:
        """Write one part of an upload; its tag. Sent again it takes the place of the first. Raises TooLarge."""
        if not 1 <= number <= _MOST_PARTS:
            raise TooLarge(_MOST_PARTS, f"got part {number}, expected 1 to {_MOST_PARTS}. Send larger parts.")
        folder = self._parts / upload.upload_id
        folder.mkdir(exist_ok=True, mode=0o700)
        before = _size(folder) - _size(folder, f"{number}")
        beside = sum(_size(other) for other in self._parts.iterdir() if other != folder)
        new_path = folder / f"{number}.{secrets.token_hex(4)}.new"
        try:
            await self._write(new_path, chunks, before, beside)
            os.replace(new_path, folder / f"{number}")
            sync_folder(folder)
        finally:
            new_path.unlink(missing_ok=True)
        return f"{upload.upload_id[:8]}-{number}"

    async def join(self, upload: UploadRow, numbers: list[int]) -> HostedRow:
        """Put the parts together. Raises FileNotFoundError for a part that did not come."""
        folder, path = self._parts / upload.upload_id, self.store.new_path(".upload")
        try:
            await asyncio.to_thread(_joined, [folder / f"{number}" for number in sorted(numbers)], path)
            row = await self._adopt(path, upload)
            await asyncio.to_thread(shutil.rmtree, folder, True)
            return row
        finally:
            path.unlink(missing_ok=True)

    async def _write(self, path: Path, chunks: AsyncIterator[bytes], before: int = 0, beside: int = 0) -> None:
        """`before`: bytes of the same upload that are there; `beside`: those of others that are not complete."""
        size = before
        try:
            with open(path, "xb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    others = sum(taken for other, taken in self._on_their_way.items() if other != path)
                    self.check_size(size, beside + others)
                    self._on_their_way[path] = size - before
                    file.write(chunk)
                file.flush()
                await asyncio.to_thread(sync, file.fileno())
        finally:
            self._on_their_way.pop(path, None)

    async def _adopt(self, path: Path, upload: UploadRow) -> HostedRow:
        with open(path, "rb") as file:
            named = path.with_suffix(suffix_of(file.read(64)))
        size = path.stat().st_size
        path = path.rename(named)
        try:
            digest, _ = await asyncio.to_thread(self.store.adopt, path)
        finally:
            path.unlink(missing_ok=True)
        now = time.time()
        row = HostedRow(
            token=upload.token,
            sha256=digest,
            content_type=upload.content_type,
            file_name=upload.file_name,
            size=size,
            created=now,
            expires=now + upload.keep_seconds if upload.keep_seconds else 0.0,
        )
        self._ledger.keep(row)
        return row

    def host_result(self, token: str, audio: AudioFile, call: str, keep_seconds: float) -> None:
        """Let a result be fetched by `token`; asked again, nothing changes."""
        if self._ledger.hosted(token) is not None:
            return
        now = time.time()
        self._ledger.keep(
            HostedRow(
                token=token,
                sha256=audio.sha256,
                content_type=audio.content_type,
                file_name=safe_name(audio.file_name),
                size=audio.file_size,
                created=now,
                expires=now + keep_seconds if keep_seconds else 0.0,
                origin=call,
            )
        )

    def find(self, token: str) -> tuple[HostedRow, Path] | None:
        """A hosted file; None where there is none, or no more."""
        row = self._ledger.hosted(token)
        path = self.store.find(row.sha256) if row else None
        return (row, path) if row and path else None

    def upload(self, upload_id: str) -> UploadRow | None:
        """An announced upload that is not complete: its address takes one file."""
        known = self._ledger.upload(upload_id) if _UPLOAD_ID.fullmatch(upload_id) else None
        return known if known is not None and self._ledger.hosted(known.token) is None else None

    def completed(self, upload_id: str) -> HostedRow | None:
        """What a complete upload became: the answer to its last call may have been lost, and is asked for again."""
        known = self._ledger.upload(upload_id) if _UPLOAD_ID.fullmatch(upload_id) else None
        return self._ledger.hosted(known.token) if known is not None else None

    def reference_of(self, url: str, hosts: frozenset[str]) -> str | None:
        """`sha256:...` for a URL of a file hosted here; None for any other."""
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            words = parts.path.split("/")
            if (parts.hostname or "").removesuffix(".") in hosts and len(words) >= 3 and words[1] == "files":
                hosted = self.find(unquote(words[2]))
                if hosted:
                    with contextlib.suppress(OSError):
                        os.utime(hosted[1])  # counts as young: it is not cleaned before a job has it
                    return f"sha256:{hosted[0].sha256}"
        return None


def file_url(base: str, token: str, file_name: str) -> str:
    """Where a hosted file is fetched."""
    return f"{base}/files/{token}/{quote(file_name)}"


def safe_name(name: str) -> str:
    """A file name without folders and odd characters."""
    short = _NAME.sub("_", re.split(r"[/\\]", name)[-1]).strip(". ")[-100:]
    return short or "audio"


def safe_type(content_type: str) -> str:
    """A MIME type as it may stand in a header."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind if re.fullmatch(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", kind) else "application/octet-stream"


def _size(folder: Path, name: str = "") -> int:
    """Bytes of the finished parts of an upload, or of one of them."""
    with contextlib.suppress(OSError):
        return sum(p.stat().st_size for p in folder.iterdir() if p.suffix != ".new" and name in ("", p.name))
    return 0


def _joined(parts: list[Path], path: Path) -> None:
    with open(path, "xb") as whole:
        for part in parts:
            with open(part, "rb") as file:
                shutil.copyfileobj(file, whole, _COPY_BYTES)
        whole.flush()
        sync(whole.fileno())
