"""Playing a WAV file with what the system brings. Knows no audio; is handed the machine, and how programs are run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.system.platform import MACOS, WINDOWS, Platform, here

Run = Callable[[Sequence[str]], int]
Find = Callable[[str], str | None]
_POWERSHELL = "(New-Object System.Media.SoundPlayer $args[0]).PlaySync()"
_ON_LINUX = (  # what comes with the desktop first
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("mpv", "--no-video", "--really-quiet"),
    ("play", "-q"),
)
INSTALL = "Install one, such as ffplay (it comes with ffmpeg), or open the file in any program that plays WAV."


class NoPlayer(Exception):
    """Nothing here plays sound. The message says what would."""


@dataclass(frozen=True)
class Player:
    """The words of a command that plays the WAV file put behind them; `others` are tried where it fails, as a client of
    a sound server does that is installed and does not run."""

    words: tuple[str, ...]
    run: Run
    others: tuple[tuple[str, ...], ...] = ()

    def play(self, path: Path) -> None:
        """Play a WAV file to its end; an interrupt ends it. Raises NoPlayer where every program fails."""
        codes = {}
        for words in (self.words, *self.others):
            codes[words[0]] = self.run([*words, str(path)])
            if codes[words[0]] == 0:
                return
        told = ", ".join(f"{name} (exit code {code})" for name, code in codes.items())
        raise NoPlayer(f"{path.name} could not be played by {told}. Is there a sound device?")


def find_player(platform: Platform | None = None, find: Find = shutil.which, run: Run | None = None) -> Player:
    """What plays WAV on this machine. Raises NoPlayer."""
    system = (platform or here()).system
    known: Sequence[Sequence[str]] = _ON_LINUX
    if system == MACOS:
        known = (("afplay",), *_ON_LINUX[3:])
    elif system == WINDOWS:
        known = (("powershell", "-NoProfile", "-Command", f"& {{{_POWERSHELL}}}"), *_ON_LINUX[3:])
    here_are = [tuple(words) for words in known if find(words[0])]
    if here_are:
        return Player(here_are[0], run or _run, tuple(here_are[1:]))
    raise NoPlayer(f"No program that plays sound was found ({', '.join(words[0] for words in known)}). {INSTALL}")


def _run(words: Sequence[str]) -> int:
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
