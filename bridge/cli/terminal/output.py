"""What the commands print and how they end. Results go to stdout, everything else to stderr. Knows no command."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

from bridge.file_names import is_text
from bridge.foreign_text import shown
from bridge.protocol import errors as wire
from engine.errors import Cancelled, CheckpointError, EngineError, InvalidRequest

P = ParamSpec("P")
R = TypeVar("R")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

CALLED_VARIABLE = "ACESTEP_BRIDGE_CALLED"
_COMMANDS = (
    "demo|serve|daemon|jobs|models|reaper|rpp|osc|midi|gateway|studio|doctor|keys|link|logs|service|again|recipe|report|"
    "schema|play|compare|lego|extract|complete|inpaint|outpaint|retake|[a-z]+-to-audio"
)
_COMMAND = re.compile(rf"(?<![\w/.])acestep-bridge(?= (?:{_COMMANDS})\b)")
_BAD_INPUT_CODES = ("unknown_job", "unknown_audio", "bad_message", "buffer_mismatch", "not_finished", "job_active")
_NO_MODEL_CODES = ("unknown_model", "checkpoint", "engine_unavailable", "shutting_down")


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    NO_DAEMON_OR_MODEL = 3
    CANCELLED = 130


def as_called(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Commands in a text as the user can type them: `run.py` says how it was called."""
    called = environment.get(CALLED_VARIABLE) or _typed_name()
    return _COMMAND.sub(lambda _: called, text) if called else text


@functools.cache
def _typed_name() -> str | None:
    """How this program was started, where its name alone would not start it: .venv/bin/acestep-bridge."""
    program = Path(sys.argv[0])
    if program.stem != "acestep-bridge" or shutil.which("acestep-bridge"):
        return None
    program = program.absolute()
    near = program.is_relative_to(Path.cwd())
    return shlex.quote(str(program.relative_to(Path.cwd()) if near else program))


def show(text: str = "") -> None:
    """A line of the result, on stdout."""
    print(printable(as_called(text), sys.stdout), flush=True)


def note(text: str = "") -> None:
    """A line for the person at the terminal, on stderr."""
    print(printable(as_called(text), sys.stderr), file=sys.stderr, flush=True)


def there(text: str, err: bool = False) -> None:
    """A line with commands for another machine, where they are called as they stand."""
    stream = sys.stderr if err else sys.stdout
    print(printable(text, stream), file=stream, flush=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout. Bytes of a name that are no UTF-8 are \\udc80 to \\udcff there, as in Python."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if shown(text) != text or not _fits(text, sys.stdout) or not writes_unicode() or not is_text(text):
        text = json.dumps(value, indent=2, default=str)
    print(text, flush=True)


def fail(code: Exit, message: str) -> NoReturn:
    """End the command with a message for a person."""
    color = typer.colors.YELLOW if code is Exit.CANCELLED else typer.colors.RED
    typer.secho(printable(as_called(message), sys.stderr), fg=color, err=True)
    raise SystemExit(int(code))


def printable(text: str, stream: Any) -> str:
    """The text with what the stream has no letters for written as \\u65e5, and what would steer a terminal as \\x1b."""
    text = shown(text)
    if _fits(text, stream):
        return text
    encoding = getattr(stream, "encoding", None) or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def let_streams_take_every_name() -> None:
    """A pipe gets file names byte by byte as they are; letters that a console lacks are written as \\u65e5."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            exact = stream is sys.stdout and _is_utf8(stream) and not stream.isatty()
            stream.reconfigure(errors="surrogateescape" if exact else "backslashreplace")


def show_faults_plainly() -> None:
    """A traceback ends with the text of an error, which may be another's."""
    sys.excepthook = lambda kind, error, at: note("".join(traceback.format_exception(kind, error, at)).rstrip("\n"))


def _fits(text: str, stream: Any) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii", getattr(stream, "errors", None) or "strict")
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def ends_well(as_json: bool = False) -> Iterator[None]:
    """Turn errors of the engine, the wire and the system into a message and an exit code; with `as_json` into JSON."""
    try:
        yield
    except KeyboardInterrupt:
        _end(Exit.CANCELLED, wire.ErrorContent(code="cancelled", message="Cancelled."), as_json)
    except (EngineError, wire.BridgeError, OSError) as error:
        _end(exit_code_of(error), _content_of(error), as_json)


def handled(command: Callable[P, R]) -> Callable[P, R]:
    """A command inside `ends_well`; its parameter `as_json`, if it has one, decides about JSON."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with ends_well(bool(kwargs.get("as_json"))):
            return command(*args, **kwargs)

    return run


def exit_code_of(error: Exception) -> Exit:
    """The exit code for a failure."""
    if isinstance(error, wire.JobCancelled | Cancelled):
        return Exit.CANCELLED
    if isinstance(error, wire.RequestFailed):
        return _exit_code_of_wire(error)
    if isinstance(error, InvalidRequest | wire.KeyFileError):
        return Exit.BAD_INPUT
    if isinstance(error, wire.DaemonNotRunning | wire.DaemonLost | CheckpointError):
        return Exit.NO_DAEMON_OR_MODEL
    return Exit.FAILED


def _exit_code_of_wire(error: wire.RequestFailed) -> Exit:
    if isinstance(error, wire.InvalidField) or error.code in _BAD_INPUT_CODES:
        return Exit.BAD_INPUT
    return Exit.NO_DAEMON_OR_MODEL if error.code in _NO_MODEL_CODES else Exit.FAILED


def _content_of(error: Exception) -> wire.ErrorContent:
    if isinstance(error, OSError) and not isinstance(error, wire.BridgeError):
        where = f"{error.filename}: " if error.filename else ""
        return wire.ErrorContent(code="system", message=f"{where}{error.strerror or error}.")
    if isinstance(error, wire.RequestFailed | InvalidRequest):
        return wire.content_of(error)
    code = "checkpoint" if isinstance(error, CheckpointError) else "failed"
    code = "no_daemon" if isinstance(error, wire.DaemonNotRunning) else code
    return wire.ErrorContent(code=code, message=str(error))


def _end(code: Exit, content: wire.ErrorContent, as_json: bool) -> NoReturn:
    if as_json:
        import msgspec

        print_json({"error": msgspec.to_builtins(content)})
    fail(code, content.message)


def writes_unicode() -> bool:
    """Whether standard output takes every letter."""
    return _is_utf8(sys.stdout)


def _is_utf8(stream: Any) -> bool:
    return (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "") == "utf8"
