"""`doctor`: what has to be right on this machine, each with ok or the remedy."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bridge.cli.output import AsJson, Exit, handled, print_json, show


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


@handled
def doctor(
    report: Annotated[bool, typer.Option("--report", help="All that a bug report needs, with the logs.")] = False,
    model: Annotated[str, typer.Option("--model", metavar="STR", help="The model to look for.")] = "nano",
    as_json: AsJson = False,
) -> None:
    """Check this machine. Exit code 0 where everything needed is right, 3 without a model, else 1."""
    from bridge.cli.doctor_checks import Check, all_checks

    checks: list[Check] = []
    for check in all_checks(model):
        checks.append(check)
        if not as_json:
            _show(check)
    if as_json:
        print_json({"checks": [asdict(check) for check in checks], **({"logs": _logs()} if report else {})})
    elif report:
        for name, lines in _logs().items():
            show(f"\n--- {name}, the end ---")
            show("\n".join(lines) or "(empty)")
    wrong = [check for check in checks if not (check.ok or check.optional)]
    if wrong:
        only_model = all(check.code == "model" for check in wrong)
        raise typer.Exit(int(Exit.NO_DAEMON_OR_MODEL if only_model else Exit.FAILED))


def _show(check: object) -> None:
    from bridge.cli.doctor_checks import Check

    assert isinstance(check, Check)
    mark = "ok" if check.ok else "--" if check.optional else "WRONG"
    show(f"{mark:7}{check.name}: {check.text}")
    if check.remedy:
        show(f"       {check.remedy}")


def _logs() -> dict[str, list[str]]:
    """The logs with the user's folder taken out: a report is meant to be shown to others."""
    from pathlib import Path

    from bridge.cli.doctor_checks import log_tails
    from bridge.protocol.home import home_folder

    user = str(Path.home())
    return {name: [line.replace(user, "~") for line in lines] for name, lines in log_tails(home_folder()).items()}
