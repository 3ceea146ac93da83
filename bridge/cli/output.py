"""What the commands print and how they end. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn

import click
from rich.console import Console

errors = Console(stderr=True, highlight=False)
results = Console(highlight=False, soft_wrap=True)


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    NO_DAEMON_OR_MODEL = 3
    CANCELLED = 130


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def fail(code: Exit, message: str) -> NoReturn:
    """End the command with a message for a person."""
    errors.print(message, style="red" if code is not Exit.CANCELLED else "yellow", markup=False)
    raise SystemExit(int(code))


@contextmanager
def ends_well() -> Iterator[None]:
    """Turn the errors of engine and client into a message and an exit code."""
    from bridge.client import errors as client
    from engine.errors import CheckpointError, EngineError, InvalidRequest

    try:
        yield
    except KeyboardInterrupt:
        fail(Exit.CANCELLED, "Cancelled.")
    except client.JobCancelled as error:
        fail(Exit.CANCELLED, str(error))
    except InvalidRequest as error:
        fail(Exit.BAD_INPUT, str(error))
    except (client.DaemonNotRunning, CheckpointError) as error:
        fail(Exit.NO_DAEMON_OR_MODEL, str(error))
    except (client.ClientError, EngineError) as error:
        fail(Exit.FAILED, str(error))
