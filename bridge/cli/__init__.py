"""The command line `acestep-bridge`: one module a command group. Loads no torch."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command that the program's arguments name."""
    from bridge.cli.app import app

    app(prog_name="acestep-bridge")
