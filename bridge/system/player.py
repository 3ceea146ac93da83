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
    """The words of a command that plays the WAV file put behind them."""

    words: tuple[str, ...]
    run: Run

    def play(self, path: Path) -> None:
        """Play a WAV file to its end; an interrupt ends it. Raises NoPlayer where the program fails."""
        code = self.run([*self.words, str(path)])
        if code != 0:
            raise NoPlayer(f"{self.words[0]} could not play {path.name} (exit code {code}). Is there a sound device?")


def find_player(platform: Platform | None = None, find: Find = shutil.which, run: Run | None = None) -> Player:
    """What plays WAV on this machine. Raises NoPlayer."""
    system = (platform or here()).system
    known: Sequence[Sequence[str]] = _ON_LINUX
    if system == MACOS:
        known = (("afplay",), *_ON_LINUX[3:])
    elif system == WINDOWS:
        known = (("powershell", "-NoProfile", "-Command", f"& {{{_POWERSHELL}}}"), *_ON_LINUX[3:])
    for name, *options in known:
        if find(name):
            return Player((name, *options), run or _run)
    raise NoPlayer(f"No program that plays sound was found ({', '.join(words[0] for words in known)}). {INSTALL}")


def _run(words: Sequence[str]) -> int:
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
