"""A file as an answer: Range as RFC 9110 wants it, and an ETag that is the hash of what the store has. No job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

_ONE = r"(?:\d{1,18}-\d{0,18}|-\d{1,18})"
_RANGE = re.compile(rf"bytes=\s*{_ONE}(?:\s*,\s*{_ONE})*\s*", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_RANGES = 100


class FileAnswer(FileResponse):
    """Starlette's, but that a Range which is none is left unheard, and what the caller has is not sent again."""

    def __init__(
        self,
        path: Path,
        media_type: str,
        name: str,
        headers: Mapping[str, str] | None = None,
        way: str = "attachment",
        background: BackgroundTask | None = None,
    ) -> None:
        told = dict(headers or {})
        if _HASH.fullmatch(path.stem):
            told["etag"] = f'"{path.stem}"'
        super().__init__(
            path, 200, told, media_type, background, name, stat_result=path.stat(), content_disposition_type=way
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self.headers["etag"] in [
            tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")
        ]:
            kept = {name: self.headers[name] for name in ("etag", "cache-control") if name in self.headers}
            await Response(status_code=304, headers=kept)(scope, receive, send)
            if self.background is not None:
                await self.background()
            return
        await super().__call__(self._with_range(scope, headers.get("range")), receive, send)

    def _with_range(self, scope: Scope, asked: str | None) -> Scope:
        """The call, its Range made one that can be answered."""
        if asked is None:
            return scope
        usable = usable_range(asked, int(self.headers["content-length"]))
        others = [(name, value) for name, value in scope["headers"] if name != b"range"]
        return {**scope, "headers": others + ([(b"range", usable.encode())] if usable else [])}


def usable_range(asked: str, size: int) -> str:
    """The Range without parts that lie beyond the file, while others do not; "" for one that is to be ignored.

    RFC 9110, 14.2: a unit that is not known, and what is not well formed, count as no Range at all.
    """
    if not _RANGE.fullmatch(asked.strip()):
        return ""
    parts = [part.strip() for part in asked.partition("=")[2].split(",")]
    ends = [tuple(int(end) if end else None for end in part.split("-")) for part in parts]
    if len(parts) > _MOST_RANGES or any(None not in pair and pair[0] > pair[1] for pair in ends):  # type: ignore[operator]
        return ""
    inside = [
        part
        for part, (first, last) in zip(parts, ends, strict=True)
        if (first < size if first is not None else last and size)
    ]
    return "bytes=" + ",".join(inside or parts[:1])
