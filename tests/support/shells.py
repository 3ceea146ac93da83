"""Real shells at a pseudo-terminal, and what their completion makes of a line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.patience import HANG_SECONDS

DUMP = "\x18"  # Ctrl-X: writes the line as it stands, and clears it
_SETTINGS = r"""
PS1='> '; unset zle_bracketed_paste
dump() { print -r -- "$BUFFER" >> "$ACESTEP_LINES"; BUFFER= }
zle -N dump; bindkey '^X' dump; bindkey '^I' expand-or-complete
"""


def environment(home: Path) -> dict[str, str]:
    """A user's of their own, who finds this program on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": path, "HOME": str(home), "TERM": "xterm", "ACESTEP_BRIDGE_HOME": str(home / "bridge")}


def by_fish(home: Path, lines: Sequence[str]) -> list[list[str]]:
    """What fish proposes for each line, first words only, in the folder `home`."""
    script = "\n".join(f"complete -C '{line}'; echo =====" for line in lines)
    told = subprocess.run(
        ["fish", "-c", script], cwd=home, env=environment(home), capture_output=True, text=True, timeout=HANG_SECONDS
    )
    assert told.returncode == 0 and not told.stderr, told.stderr
    parts = told.stdout.split("=====\n")[:-1]
    return [[line.split("\t")[0] for line in part.splitlines()] for part in parts]


def by_zsh(home: Path, lines: Sequence[str]) -> tuple[list[str], str]:
    """Each line as zsh has it after a Tab, and all that it showed, in the folder `home`."""
    written = home / "lines.txt"
    (home / ".zshrc").touch()
    with open(home / ".zshrc", "a") as file:
        file.write(_SETTINGS)
    with _terminal(["zsh", "-i"], home, {"ACESTEP_LINES": str(written)}) as (descriptor, shown):
        for number, line in enumerate(lines):
            os.write(descriptor, f"{line}\t{DUMP}".encode())
            _wait_for_lines(written, number + 1, descriptor, shown)
        os.write(descriptor, b"exit\n")
    return written.read_text().splitlines(), b"".join(shown).decode("utf-8", "replace")


def _wait_for_lines(path: Path, count: int, descriptor: int, shown: list[bytes]) -> None:
    limit = time.monotonic() + HANG_SECONDS
    while not path.exists() or path.read_text().count("\n") < count:
        assert time.monotonic() < limit, b"".join(shown)
        with contextlib.suppress(BlockingIOError):
            shown.append(os.read(descriptor, 65536))
        time.sleep(0.02)


@contextlib.contextmanager
def _terminal(command: list[str], home: Path, more: dict[str, str]) -> Iterator[tuple[int, list[bytes]]]:
    import pty

    process, descriptor = pty.fork()
    if process == 0:
        os.chdir(home)
        os.execvpe(command[0], command, {**environment(home), **more})
    os.set_blocking(descriptor, False)
    try:
        yield descriptor, []
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(descriptor)
