"""`doctor`: what has to be right on this machine, each with ok or the remedy; and the file for a bug report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, Exit, handled, print_json, show

if TYPE_CHECKING:
    from bridge.cli.doctor.doctor_checks import Check

SHOWN_LINES = 40  # of a log's end
LOGS = ("daemon", "engine")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


@handled
def doctor(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", parser=file_path, help="Where --report goes; by default here.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Pack what a bug report needs into a zip: no audio, no secrets.")
    ] = False,
    with_words: Annotated[bool, typer.Option("--with-words", help="With the tags and lyrics of jobs.")] = False,
    model: Annotated[str, typer.Option("--model", metavar="STR", help="The model to look for.")] = "nano",
    as_json: AsJson = False,
) -> None:
    """Check this machine. Exit code 0 where everything needed is right, 3 without a model, else 1."""
    from bridge.cli.doctor.doctor_checks import all_checks

    path = _report_path(file, report, with_words)
    checks: list[Check] = []
    for check in all_checks(model):
        checks.append(check)
        if not as_json:
            _show(check)
    if path is not None:
        _write_report(path, checks, with_words)
    if as_json:
        told = {"report": str(path), "logs": _logs()} if path is not None else {}
        print_json({"checks": [asdict(check) for check in checks], **told})
    elif path is not None:
        _show_report(path)
    wrong = [check for check in checks if not (check.ok or check.optional)]
    if wrong:
        only_model = all(check.code == "model" for check in wrong)
        raise typer.Exit(int(Exit.NO_DAEMON_OR_MODEL if only_model else Exit.FAILED))


def _report_path(file: Path | None, report: bool, with_words: bool) -> Path | None:
    """Where the report goes. Raises InvalidRequest for words that mean nothing without it."""
    import time

    from bridge.cli.doctor.report_file import default_path
    from engine.errors import InvalidRequest

    if not report and (file is not None or with_words):
        given = str(file) if file is not None else "--with-words"
        raise InvalidRequest("FILE", given, "--report before it", "Say `acestep-bridge doctor --report FILE`.")
    return (file or default_path(time.time())) if report else None


def _write_report(path: Path, checks: list[Check], with_words: bool) -> None:
    from bridge.cli.doctor.report_file import write_report
    from bridge.protocol.home import home_folder

    write_report(path, home_folder(), [asdict(check) for check in checks], with_words)


def _show_report(path: Path) -> None:
    for name, lines in _logs().items():
        show(f"\n--- {name}, the end ---")
        show("\n".join(lines) or "(empty)")
    show(f"\nThe report is {path}: send it with what you did and what you expected. It holds no audio and no secrets.")


def _show(check: Check) -> None:
    mark = "ok" if check.ok else "--" if check.optional else "WRONG"
    show(f"{mark:7}{check.name}: {check.text}")
    if check.remedy:
        show(f"       {check.remedy}")


def _logs() -> dict[str, list[str]]:
    """The ends of the logs without secrets and the user's folder: a report is meant to be shown to others."""
    from bridge.cli.doctor.known_secrets import known_secrets, without_secrets
    from bridge.log_reading import last
    from bridge.protocol.home import home_folder

    user, home = str(Path.home()), home_folder()
    secrets = known_secrets(home)
    return {
        f"{name}.log": [
            without_secrets(entry.text().replace(user, "~"), secrets) for entry in last(home, name, SHOWN_LINES)
        ]
        for name in LOGS
    }
