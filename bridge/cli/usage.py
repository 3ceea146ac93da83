"""What is said of words that are no command or option: in words, or under --json as JSON. Knows no command."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import typer
from typer.core import TyperGroup

from bridge.cli.options.completion import answer, is_asked, let_zsh_complete_at_once
from bridge.cli.terminal.output import Exit, as_called, print_json, there

UsageError: type[Any] = typer.BadParameter.__bases__[0]  # click's own, which Typer carries along since 0.26


class Commands(TyperGroup):
    """All commands. A usage error under --json is one document on stdout, as every other failure."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> Any:
        """Parse and run; end the process."""
        words = list(sys.argv[1:] if args is None else args)
        if is_asked():
            return answer(self, partial(super().main, words, *rest, **named))
        if words[:1] == ["--install-completion"]:
            try:
                return super().main(words, *rest, **named)
            finally:
                let_zsh_complete_at_once()
        if not named.get("standalone_mode", True):  # who calls deals with errors
            return super().main(words, *rest, **named)
        try:
            code = super().main(words, *rest, **{**named, "standalone_mode": False})
        except UsageError as error:
            if "--json" in words:
                print_json({"error": content_of(error)})
            there(_said(error), err=True)
            sys.exit(int(Exit.BAD_INPUT))
        except typer.Abort:
            sys.exit(int(Exit.CANCELLED))
        except BrokenPipeError:
            with contextlib.suppress(OSError):  # nobody reads any more: nothing is left to say at the end either
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(int(Exit.FAILED))
        sys.exit(code if isinstance(code, int) else 0)


def _said(error: Any) -> str:
    """What Click would print, which quotes the words that were typed, or came from names of files."""
    stream = io.StringIO()
    error.show(stream)
    return stream.getvalue().rstrip("\n")


def content_of(error: Any) -> dict[str, str | None]:
    """A usage error in the parts of every error: code, message, field, got, expected, remedy."""
    command = error.ctx.command_path if error.ctx else "acestep-bridge"
    remedy = as_called(f"See {command} --help.")
    field, got, expected = _parts(error)
    message = f"{error.format_message().rstrip('.')}. {remedy}"
    return {"code": "usage", "message": message, "field": field, "got": got, "expected": expected, "remedy": remedy}


def _parts(error: Any) -> tuple[str | None, str, str]:
    """Which option or argument, what was given, what it takes."""
    if hasattr(error, "possibilities"):
        return error.option_name, "an unknown option", ", ".join(error.possibilities or ["an option of this command"])
    if not isinstance(error, typer.BadParameter):
        return None, error.message, "a command, its options and arguments"
    if type(error).__name__ == "MissingParameter":
        return _name_of(error), "nothing", "a value: it is required"
    return _name_of(error), error.message, "a value that it takes"


def _name_of(error: Any) -> str | None:
    """--out, or SRC for an argument."""
    if error.param is None:
        return str(error.param_hint) if error.param_hint else None
    opts = [name for name in error.param.opts if name.startswith("-")]
    return max(opts, key=len) if opts else str(error.param.metavar or error.param.name)
