"""The command line `acestep-bridge`: one module a command group. Loads no torch."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command that the program's arguments name."""
    from bridge.cli.surroundings import put_foreign_paths_last

    put_foreign_paths_last()
    from bridge.cli.app import app
    from bridge.cli.terminal.output import let_streams_take_every_name, show_faults_plainly

    let_streams_take_every_name()
    show_faults_plainly()
    app(prog_name="acestep-bridge")
