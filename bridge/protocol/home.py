"""The product's folder and the files of it that other programs read. Knows no socket.

`connection.json` says where the daemon listens and with what key; `install.json` how to start one. Folder 0700,
files 0600, written to a temporary name and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bridge.protocol.errors import DaemonNotRunning, HomeError, ProtocolError
from bridge.protocol.frames import PROTOCOL_VERSION
from bridge.system.atomic import write_private

HOME_VARIABLE = "ACESTEP_BRIDGE_HOME"
_LONG_OUTPUT_BYTES = 1_000_000


class Endpoints(msgspec.Struct, frozen=True):
    """ZeroMQ addresses of the ROUTER and the PUB."""

    commands: str
    events: str


class Connection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The connection file. The last four only in a link file, for another machine."""

    endpoints: Endpoints
    key: str
    version: int = msgspec.field(default_factory=lambda: PROTOCOL_VERSION)  # a factory: it is always written
    pid: int = 0
    started: float = 0.0
    server_public: str = ""
    client: str = ""
    events_key: str = ""
    client_public: str = ""  # the key that was let in when the link file was written


class Install(msgspec.Struct, frozen=True, kw_only=True):
    """How a script starts a daemon."""

    daemon_command: list[str]
    version: int = PROTOCOL_VERSION


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`ACESTEP_BRIDGE_HOME`, else `.acestep-bridge` in the user's folder. Makes nothing."""
    given = environment.get(HOME_VARIABLE)
    return Path(given).expanduser().absolute() if given else Path.home() / ".acestep-bridge"


def make_home(home: Path) -> Path:
    """Make the folder, readable by its user only. Raises HomeError; ProtocolError for a name that no message holds."""
    _check_name(home)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(home, 0o700)
    except OSError as error:
        raise HomeError(_refusal(home, error)) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeError(_refusal(home, PermissionError(errno.EACCES, os.strerror(errno.EACCES))))
    return home


def _refusal(home: Path, error: OSError) -> str:
    remedy = f"Let {HOME_VARIABLE} name a folder of yours that can be written."
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename or home}: is a file, expected a folder. Move it away. {remedy}"
    whose = ""
    with contextlib.suppress(OSError, AttributeError):
        if home.stat().st_uid != os.getuid():
            whose = " It belongs to another user."
    return f"{error.filename or home}: {error.strerror or error}.{whose} {remedy}"


def _check_name(home: Path) -> None:
    try:
        str(home).encode("utf-8")
    except UnicodeEncodeError as error:
        shown = os.fsencode(home).decode("utf-8", "backslashreplace")
        text = f"{HOME_VARIABLE}: got {shown}, expected a folder whose name is UTF-8, as what is sent must be. "
        raise ProtocolError(f"{text}Let {HOME_VARIABLE} name another one.") from error


def raw_output(home: Path, name: str) -> Path:
    """A file for what a process writes past its log (a crash), to be appended to; a long one is put aside."""
    path = home / f"{name}.err"
    with contextlib.suppress(OSError):  # on Windows while somebody has it open
        if path.stat().st_size > _LONG_OUTPUT_BYTES:
            os.replace(path, path.with_name(f"{path.name}.1"))
    return path


def connection_path(home: Path) -> Path:
    """Where the connection file lies."""
    return home / "connection.json"


def write_connection(home: Path, connection: Connection) -> None:
    """Write the connection file."""
    write_private(connection_path(home), _pretty(connection))


def read_connection(path: Path) -> Connection:
    """Read a connection or link file. Raises DaemonNotRunning if it is not there, ProtocolError if it is damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DaemonNotRunning(f"{path} does not exist") from error
    except OSError as error:
        raise ProtocolError(f"{path}: {error.strerror}. Remove it, then start the daemon again.") from error
    try:
        connection = msgspec.json.decode(data, type=Connection)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = "the file is empty" if not data.strip() else f"no connection file ({error})"
        raise ProtocolError(
            f"{path}: {what}. Stop the daemon that runs and start it again: it writes the file."
        ) from error
    if connection.version != PROTOCOL_VERSION:
        raise ProtocolError(
            f"{path}: got version {connection.version}, expected {PROTOCOL_VERSION}. Update the older side.",
            code="unsupported_version",
        )
    return connection


def keep_connection(home: Path, connection: Connection) -> bool:
    """Write the connection file again if somebody has damaged or removed it; whether that was so. Raises OSError."""
    path, data = connection_path(home), _pretty(connection)
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return False
    put_folder_aside(path)
    write_private(path, data)
    return True


def forget_connection(home: Path) -> None:
    """Remove the connection file, whatever lies in its place. Raises OSError."""
    put_folder_aside(connection_path(home))
    connection_path(home).unlink(missing_ok=True)


def put_folder_aside(path: Path) -> None:
    """Give a folder that lies in the place of a file another name. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        os.replace(path, path.with_name(f"{path.name}.in-the-way-{os.getpid()}"))


def remove_leftovers(home: Path, older_than_seconds: float) -> None:
    """Remove what writers that were killed have left half written."""
    limit = time.time() - older_than_seconds
    for folder in (home, home / "curve", home / "curve" / "clients"):
        for path in folder.glob(".*.part"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()


def daemon_command() -> list[str]:
    """The command that starts a daemon of this installation."""
    return [sys.executable, "-m", "bridge.daemon"]


def supervised_command() -> list[str]:
    """The same with a parent that starts it again when it dies: for programs that start one and go on."""
    return [*daemon_command(), "--supervise"]


def write_install(home: Path) -> None:
    """Write install.json, unless it says the same already."""
    path, data = home / "install.json", _pretty(Install(daemon_command=supervised_command()))
    if not path.is_file() or path.read_bytes() != data:
        put_folder_aside(path)
        write_private(path, data)


def _pretty(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
