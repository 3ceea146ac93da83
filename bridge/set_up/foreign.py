"""Settings of another program's Python that must not reach this one's. Standard library only.

DAWs, render farms and shells set PYTHONPATH and friends for the Python inside them; every child inherits them. What is
about a terminal or a debugger of the user's own (PYTHONUTF8, PYTHONIOENCODING, PYTHONFAULTHANDLER) is left.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Mapping, Sequence

FOREIGN = frozenset(
    {
        *(
            "PYTHONHOME",
            "PYTHONPATH",
            "PYTHONPLATLIBDIR",
            "PYTHONEXECUTABLE",
            "__PYVENV_LAUNCHER__",
        ),  # where things lie
        *("PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHONINSPECT"),
        "PYTHONOPTIMIZE",  # without asserts a test cannot fail, and without docstrings commands have no help
    }
)
PLACES = frozenset(  # pip's settings that say where packages come from and how the network is reached
    {
        *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert", "client-cert"),
        *("cache-dir", "no-cache-dir", "keyring-provider", "use-feature", "default-timeout", "timeout", "retries"),
    }
)
_SECTIONS = ("global", "install", ":env:")  # the later ones count more


def own_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without another Python's settings."""
    return {name: value for name, value in environment.items() if name not in FOREIGN}


def pip_environment(python: Sequence[str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for pip: of its settings, in files and variables, only those of `PLACES`.

    `user`, `target`, `prefix`, `root`, `require-virtualenv` and the like would put packages elsewhere, or end in an
    error. A file of settings that pip cannot read counts as empty.
    """
    clean = own_environment(environment)
    kept = {name: value for name, value in clean.items() if not name.upper().startswith("PIP_")}
    try:
        shown = subprocess.run([*python, "-m", "pip", "config", "list"], env=clean, capture_output=True, timeout=60)
        listing = shown.stdout.decode("utf-8", "replace") if shown.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired):
        listing = ""
    return {**kept, **_kept_settings(listing), "PIP_CONFIG_FILE": os.devnull, "PYTHONUTF8": "1"}


def _kept_settings(listing: str) -> dict[str, str]:
    """The lines of `pip config list`, such as global.index-url='https://...', as variables."""
    settings: dict[tuple[str, str], str] = {}
    for line in listing.splitlines():
        key, equals, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if equals and section in _SECTIONS and name in PLACES:
            settings[section, name] = _unquoted(value)
    ordered = sorted(settings.items(), key=lambda item: _SECTIONS.index(item[0][0]))
    return {f"PIP_{name.upper().replace('-', '_')}": value for (_, name), value in ordered}


def _unquoted(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value
