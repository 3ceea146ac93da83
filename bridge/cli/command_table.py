"""All commands as a table, from the commands themselves. Knows no command by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NOT_SHOWN = {"--help", "--json", "--install-completion", "--show-completion"}


def commands_table() -> str:
    """Markdown: each command, what it does, its everyday options."""
    rows = ["| command | what it does | options |", "|---|---|---|"]
    rows += [f"| `{words}` | {text} | {options} |" for words, text, options in rows_of(root(), "")]
    return "\n".join(rows)


def root() -> Any:
    """The group of all commands."""
    from typer.main import get_command

    from bridge.cli.app import app

    return get_command(app)


def rows_of(group: Any, before: str) -> Iterator[tuple[str, str, str]]:
    """Words, help and options of each command of a group and of its groups."""
    for name, command in group.commands.items():
        words = f"{before}{name}"
        if hasattr(command, "commands"):
            yield from rows_of(command, f"{words} ")
        else:
            yield " ".join([words, *_arguments(command)]), _sentence(command.help), ", ".join(_options(command))


def _arguments(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = (parameter.metavar or parameter.name.upper()).removesuffix("...")
            text = f"{name}..." if parameter.nargs == -1 else name
            yield text if parameter.required else f"[{text}]"


def _options(command: Any) -> Iterator[str]:
    """The options under no heading of their own."""
    for parameter in command.params:
        if parameter.param_type_name == "option" and getattr(parameter, "rich_help_panel", None) is None:
            name = max(parameter.opts, key=len)
            if name not in NOT_SHOWN and not parameter.hidden:
                yield f"`{name}`"


def _sentence(text: str | None) -> str:
    """The first paragraph of a help text in one line."""
    return " ".join((text or "").split("\n\n")[0].split()).replace("|", "\\|")
