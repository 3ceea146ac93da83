"""What a foreign program prints while a test speaks with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def printed_by(process: asyncio.subprocess.Process, stream: asyncio.StreamReader) -> AsyncIterator[list[str]]:
    """The lines of `stream`, one of the process's, as they come; the process is killed at the end."""
    lines: list[str] = []

    async def read() -> None:
        while line := await stream.readline():
            lines.append(line.decode("utf-8", "replace").strip())

    reading = asyncio.create_task(read())
    try:
        yield lines
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
