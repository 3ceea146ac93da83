"""A job of Ardour's carried out by the daemon, which is started where none runs. Knows files, not Ardour.

A daemon that dies meanwhile is started again, and goes on with the job: it is known by its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from pathlib import Path

import soundfile

from bridge.ardour.playlist_source import source_samples
from bridge.ardour.spool import ArdourOrder, Spool
from bridge.client import AsyncClient, AsyncJob, JobResult, Timeouts, ensure_daemon
from bridge.protocol.errors import BridgeError, DaemonLost, DaemonNotRunning, JobCancelled
from bridge.protocol.home import connection_path
from bridge.protocol.lock import FileLock
from bridge.protocol.messages import JobStatus
from engine.atomic import replacing
from engine.errors import EngineError
from engine.requests import Request

LOOK_SECONDS = 0.2  # how soon a cancelled job is noticed
RECONNECT_SECONDS = 1.0
MOST_STARTS = 5
MOST_NAME = 60  # characters of a track's name in the name of a file


def carry_out(spool: Spool, home: Path) -> None:
    """The whole job: its end is written, whatever it is. One that is being carried out already is left alone."""
    lock = FileLock(spool.file(".lock"))
    if lock.acquire():
        with lock:
            _carry_out(spool, home)


def _carry_out(spool: Spool, home: Path) -> None:
    try:
        order = spool.order()
        source = _write_source(order, spool)
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(_rendered(order.request(source), order, spool, home))
    except JobCancelled:
        spool.finish("cancelled")
    except (BridgeError, EngineError, OSError) as error:
        spool.finish("failed", message=error)
    finally:
        spool.file(".source.wav").unlink(missing_ok=True)


def _write_source(order: ArdourOrder, spool: Spool) -> Path:
    path = spool.file(".source.wav")
    soundfile.write(path, source_samples(order, spool.file(".f32")), order.sample_rate, subtype="FLOAT")
    return path


async def _rendered(request: Request, order: ArdourOrder, spool: Spool, home: Path) -> None:
    """Submit and follow until there is a result; once more with each daemon that dies. Raises the job's error."""
    for start in range(MOST_STARTS):
        spool.tell("starting the daemon" if start == 0 else "the daemon ended, starting it again")
        if start and not connection_path(home).exists():
            break  # it was stopped on purpose
        (await asyncio.to_thread(ensure_daemon, home))[0].close()
        with contextlib.suppress(DaemonLost, DaemonNotRunning, TimeoutError):
            timeouts = Timeouts(reconnect=RECONNECT_SECONDS)
            async with await AsyncClient.connect(home, timeouts=timeouts) as client:
                job = await client.submit(request, {"ardour": order.name}, request_id=f"ardour-{order.id}")
                return _deliver(await _followed(job, spool), order, spool)
    raise DaemonNotRunning("it was stopped, or ended again and again; `acestep-bridge logs daemon` says why")


async def _followed(job: AsyncJob, spool: Spool) -> JobResult:
    watching = asyncio.create_task(_watch_for_cancel(job, spool))
    try:
        async for status in job.progress():
            spool.tell(_words(status))
        return await job.result("path")
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError, BridgeError, TimeoutError):
            await watching


async def _watch_for_cancel(job: AsyncJob, spool: Spool) -> None:
    while spool.is_wanted and not spool.is_cancelled:
        await asyncio.sleep(LOOK_SECONDS)
    spool.tell("cancelling")
    await job.cancel()


def _deliver(result: JobResult, order: ArdourOrder, spool: Spool) -> None:
    """The first variation's file beside the request, then its place: a result that is told is there.

    Its name is what Ardour calls the file in the session.
    """
    entry = result.first
    name = re.sub(r"[^\w .+-]", "_", order.name)[:MOST_NAME]
    path = spool.request.with_name(f"{name} ACE-Step {entry.seed} {order.id}.wav")
    with replacing(path) as part:
        shutil.copyfile(entry.audio.path or "", part)
    spool.finish("done", offset=int(entry.report.get("offset", 0)), seed=entry.seed, file=path.name)


def _words(status: JobStatus) -> str:
    if status.state == "queued":
        return f"waiting, {status.queue_position} before it" if status.queue_position else "waiting"
    left = f", {status.remaining_seconds:.0f} s left" if status.remaining_seconds else ""
    return f"{status.progress:.0%}{left}"
