"""Completion as the user of a real shell has it, from `--install-completion` on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.shells import by_fish, by_zsh, environment

LINES = {  # what is typed, and what Tab makes of it
    "acestep-bridge inp": "inpaint",
    "acestep-bridge inpaint x.wav --start-b": "--start-bar",
    "acestep-bridge inpaint x.wav --scheduler pi": "pingpong",
    "acestep-bridge text-to-audio x --model na": "nano",
    "acestep-bridge inpaint so": "song one.wav",
    "acestep-bridge inpaint x.wav --reference-audio so": "song one.wav",
    "acestep-bridge jobs del": "delete",
    "acestep-bridge --ver": "--version",
}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not on PATH")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "song one.wav").touch()
    (tmp_path / "other.txt").touch()
    return tmp_path


def install_from(shell: str, home: Path) -> None:
    """As a user does, typed in the shell itself, which the program looks up."""
    command = [shell, "-c", "acestep-bridge --install-completion; true"]
    done = subprocess.run(command, cwd=home, env=environment(home), capture_output=True, text=True)
    assert f"{shell} completion installed" in done.stdout, done.stdout + done.stderr


@needs("zsh")
def test_tab_in_zsh(home: Path) -> None:
    """No option was completed in zsh."""
    install_from("zsh", home)
    lines, shown = by_zsh(home, [*LINES, "acestep-bridge jobs "])
    for (typed, word), line in zip(LINES.items(), lines, strict=False):
        begun = typed.rpartition(" ")[0]
        assert line.rstrip() == f"{begun} {word.replace(' ', chr(92) + ' ')}"
    assert lines[-1] == "acestep-bridge jobs " and "Forget finished jobs" in shown and "command not found" not in shown


@needs("fish")
def test_tab_in_fish(home: Path) -> None:
    install_from("fish", home)
    proposals = by_fish(home, [*LINES, "acestep-bridge inpaint x.wav --"])
    assert proposals[:-1] == [[word] for word in LINES.values()]
    assert all(word.startswith("--") for word in proposals[-1]) and len(proposals[-1]) > 50
