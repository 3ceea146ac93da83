"""The gateway's process: its lock, its socket, the daemon, and the server in between. Knows no endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.gateway.gateway_settings import GatewaySettings
from bridge.protocol.errors import BridgeError
from bridge.protocol.lock import FileLock
from bridge.system.atomic import write_private
from bridge.system.open_files import allow_many_files, most_connections, say_when_files_run_out

if TYPE_CHECKING:
    import uvicorn

    from bridge.gateway.certificates import Certificate

logger = logging.getLogger("bridge.gateway")
_LAST_SECONDS = 2
_IDLE_SECONDS = 20  # longer than Python's and Node's clients keep an idle line: none of them meets one that just closed


class GatewayRefused(BridgeError):
    """The gateway cannot be started as it was asked to."""


class Running(msgspec.Struct, frozen=True):
    """A gateway that listens: its file is 0600. `authority` is the file of the authority that TLS clients trust."""

    url: str
    key: str
    pid: int
    authority: str = ""


@dataclass(frozen=True)
class Listening:
    """The socket and what it is called."""

    socket: socket.socket
    url: str


def read_running(settings: GatewaySettings) -> Running | None:
    """The gateway that runs in this home, or None."""
    from bridge.protocol.lock import is_held

    if not is_held(settings.folder / "lock"):
        return None
    try:
        return msgspec.json.decode(settings.running_path.read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def check_settings(settings: GatewaySettings) -> None:
    """Raises GatewayRefused for what must not be, or is missing."""
    try:
        import cryptography
        import starlette
        import uvicorn

        assert cryptography and starlette and uvicorn
    except ImportError as error:
        text = f"The gateway needs {error.name}, which is not here. Run `python3 run.py setup`, or pip install"
        raise GatewayRefused(f"{text} 'acestep-bridge[gateway]'.") from error
    if not settings.is_loopback and not settings.tls:
        raise GatewayRefused(
            f"--host: got {settings.host}, which other machines reach, without --tls: the key would be seen on its "
            "way. Add --tls, or leave --host out."
        )


async def serve(
    settings: GatewaySettings, daemon_options: Sequence[str] = (), ready: Callable[[Running], None] | None = None
) -> None:
    """Run until SIGINT or SIGTERM. Raises GatewayRefused, DaemonNotRunning, KeyFileError, StoreError."""
    from bridge.protocol.home import make_home

    check_settings(settings)
    allow_many_files()
    say_when_files_run_out(asyncio.get_running_loop(), logger)
    make_home(settings.home)
    make_home(settings.folder)
    with FileLock(settings.folder / "lock") as lock:
        if not lock.acquire():
            running = read_running(settings)
            where = f" at {running.url} (process {running.pid})" if running else ""
            raise GatewayRefused(f"A gateway runs already{where}. End it first, or use that one.")
        with contextlib.closing(_listen(settings)) as bound:
            await _serve(settings, bound, daemon_options, ready)


def _listen(settings: GatewaySettings) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # said: asyncio then sends at once
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(256)
        return bound
    except OSError as error:
        text = f"{settings.host} port {settings.port}: {error.strerror or error}. Choose another with --port."
        raise GatewayRefused(text) from error


async def _serve(
    settings: GatewaySettings,
    bound: socket.socket,
    daemon_options: Sequence[str],
    ready: Callable[[Running], None] | None,
) -> None:
    from bridge.gateway.application import application, hosts_of
    from bridge.gateway.catalogue import Catalogue
    from bridge.gateway.certificates import certificate_of
    from bridge.gateway.daemon_line import DaemonLine
    from bridge.gateway.desk import Desk
    from bridge.gateway.hosting import Hosting
    from bridge.gateway.ledger import Ledger
    from bridge.gateway.secret_files import secrets_of
    from bridge.gateway.studio import Studio
    from bridge.gateway.webhooks import Postman
    from bridge.system.version import package_version

    secrets = secrets_of(settings.folder)
    files = certificate_of(settings.folder / "tls", sorted(hosts_of(settings))) if settings.tls else None
    line = await DaemonLine.open(settings.home, daemon_options)
    ledger = Ledger(settings.folder / "ledger.sqlite3")
    ledger.clean()
    hosting = Hosting(settings, ledger)
    hosting.prepare()
    postman = Postman(ledger, secrets, settings.webhook_hosts, settings.retry_seconds)
    desk = Desk(settings, ledger, line, hosting, secrets, postman)
    catalogue = Catalogue(line, hosting, ledger, secrets, settings.roots)
    studio = Studio(line, hosting, ledger, catalogue, secrets, settings.home)
    app = application(settings, desk, hosting, secrets, studio, package_version())
    running = Running(_url(settings, bound), secrets.key, os.getpid(), str(files.authority) if files else "")
    desk.start()
    write_private(settings.running_path, json.dumps(msgspec.to_builtins(running)).encode())
    try:
        if ready is not None:
            ready(running)
        server = _server(app, files)
        _do_at_its_end(server, studio.live.end_pages)
        await server.serve(sockets=[bound])
    finally:
        settings.running_path.unlink(missing_ok=True)
        await studio.live.stop()
        await desk.stop()
        await line.close()
        ledger.close()


def _server(app: Any, files: Certificate | None) -> uvicorn.Server:
    """One for a socket that is bound already, behind TLS where there are `files`."""
    import uvicorn

    from bridge.gateway.patience import MOST_LINES, PatientProtocol

    PatientProtocol.most_lines = most_connections(1, MOST_LINES)
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
        ssl_certfile=files.certificate if files else None,
        ssl_keyfile=files.key if files else None,
    )
    return uvicorn.Server(config)


def _do_at_its_end(server: Any, do: Callable[[], None]) -> None:
    """Let something be done as soon as the server begins to shut down, before it waits for answers under way."""
    shut_down = server.shutdown

    async def first_this(sockets: list[socket.socket] | None = None) -> None:
        do()
        await shut_down(sockets=sockets)

    server.shutdown = first_this


def _url(settings: GatewaySettings, bound: socket.socket) -> str:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "") else "::1" if settings.host == "::" else settings.host
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls else 'http'}://{shown}:{bound.getsockname()[1]}"


def run(
    settings: GatewaySettings, daemon_options: Sequence[str] = (), ready: Callable[[Running], None] | None = None
) -> None:
    """`serve` on an event loop of its own; ZeroMQ needs a selector."""
    with (
        asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner,
        contextlib.suppress(asyncio.CancelledError),
    ):
        runner.run(serve(settings, daemon_options, ready))
