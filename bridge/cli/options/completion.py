"""What a shell proposes behind an option: choices, models, jobs. Typer makes the scripts. Asks no daemon.

zsh is answered in our own words: what Typer prints for it (`_arguments`) proposes no option, and parts of help texts go
missing on the way. Its answer for fish, a line for each proposal, holds all that is needed.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.foreign_text import shown
from engine.requests import Field

Completing = Callable[[str], list[str]]


def one_of(*words: str) -> Completing:
    """Those of `words` that begin as what was typed."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Models by name."""
    from engine.checkpoints import registry

    return [entry.name for entry in registry.entries() if entry.name.startswith(incomplete)]


def jobs(incomplete: str) -> list[tuple[str, str]]:
    """Ids of the newest jobs, with their tasks: read from the store, which needs no daemon."""
    from bridge.jobs import JobStore
    from bridge.protocol.errors import BridgeError
    from bridge.protocol.home import home_folder

    path = home_folder() / "jobs.sqlite3"
    if not path.is_file():
        return []
    try:
        store = JobStore.reading(path)
        try:
            newest, _ = store.list(None, None, 100, 0)
        finally:
            store.close()
    except (BridgeError, OSError):
        return []
    return [(job.job_id, f"{job.task}, {job.state}") for job in newest if job.job_id.startswith(incomplete)]


def completing(field: Field) -> Any:
    """What is proposed for a field's value; None: nothing, so the shell proposes files."""
    if field.choices:
        return one_of(*field.choices)
    return models if field.name == "model" else None


VARIABLE = "_ACESTEP_BRIDGE_COMPLETE"  # by which a shell asks; Typer's scripts set it
WIDE = {"COLUMNS": "10000"}  # a help text in two lines would be two proposals
AT_ONCE = '\n[[ $zsh_eval_context[-1] == loadautofunc ]] && _acestep_bridge_completion "$@"\n'


def is_asked() -> bool:
    """Whether a shell asks what to propose."""
    return os.environ.get(VARIABLE, "").startswith("complete_")


def answer(group: Any, main: Callable[[], Any]) -> Any:
    """Let Typer's `main` of a group answer the shell; for zsh, in zsh's words."""
    _keep_brackets(group)
    if os.environ[VARIABLE] != "complete_zsh":
        with _environment(WIDE):
            return main()
    lines = io.StringIO()
    as_fish = {VARIABLE: "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    with _environment({**WIDE, **as_fish}), contextlib.redirect_stdout(lines), contextlib.suppress(SystemExit):
        main()
    print(shown(zsh_code(lines.getvalue())))
    raise SystemExit(0)


def let_zsh_complete_at_once() -> None:
    """zsh reads the file that Typer installs at the first Tab: that only defined the function, and proposed nothing."""
    path = Path.home() / ".zfunc" / "_acestep-bridge"
    if path.is_file() and AT_ONCE not in path.read_text():
        with open(path, "a") as file:
            file.write(AT_ONCE)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def zsh_code(lines: str) -> str:
    """What the function of a zsh completion evaluates, for lines `word` or `word<tab>help`; no line: files."""
    proposals = [line.partition("\t") for line in lines.splitlines() if line]
    if not proposals:
        return "_files"
    words = [word.replace(":", "\\:") + (f":{text.strip()}" if text.strip() else "") for word, _, text in proposals]
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    return f"local -a proposed; proposed=({quoted}); _describe -V proposal proposed"


def _keep_brackets(group: Any) -> None:
    """[verse] in a help text is no markup."""
    from rich.markup import escape

    for command in group.commands.values():
        if hasattr(command, "commands"):
            _keep_brackets(command)
        for parameter in command.params:
            if getattr(parameter, "help", None):
                parameter.help = escape(parameter.help)
