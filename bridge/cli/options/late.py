"""Commands whose options are made when one is run or asked about: those of all tasks take longer than most commands.

Knows Typer, no command.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import typer
from typer.core import TyperCommand

from bridge.cli.options.help_pages import GroupedCommand

Function = Callable[..., None]


def add_late(app: typer.Typer, name: str, make: Callable[[], Function], *, help: str | None, epilog: str) -> None:
    """Add a command; `make` gives its function, whose signature has the options as Typer reads them."""
    app.command(name, cls=_command_of(make), help=help, epilog=epilog)(_stand_in)


def _stand_in() -> None:
    """In the place of the function until that is made."""


def _command_of(make: Callable[[], Function]) -> type[TyperCommand]:
    class Late(GroupedCommand):
        """The command under its name; options and function are attributes that come when they are asked for."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            del self.params, self.callback  # those of the stand-in

        def __getattr__(self, name: str) -> Any:
            if name not in ("params", "callback"):
                raise AttributeError(name)
            self.__dict__[name] = getattr(self._whole, name)
            return self.__dict__[name]

        @cached_property
        def _whole(self) -> Any:
            app = typer.Typer(add_completion=False)
            app.command(cls=GroupedCommand)(make())
            return typer.main.get_command(app)

    return Late
