"""`python -m tests.ardour`: our actions in Ardour, from the selected range to the saved session.

Skipped with a reason, and exit code 0, where Ardour or Xvfb is missing. `--keep FOLDER` leaves everything there;
`--pictures docs/img` makes the pictures of docs/ardour.md (needs ImageMagick and xdotool).
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from bridge.ardour.installation import ArdourOptions, install
from bridge.system.platform import Platform
from tests.ardour.checks import CHECKS, RATE, Setting
from tests.ardour.program import Ardour, Display, missing, say


def main() -> int:
    """Run the checks in order, up to the first that fails: the later ones go on where it ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.ardour")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    wanted = parser.parse_args()
    if missing():
        say(f"skipped: no {', '.join(missing())} here (Debian: apt-get install ardour xvfb)")
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if wanted.keep:
        wanted.keep.mkdir(parents=True)
        return run(wanted.keep.absolute(), wanted.pictures)
    with tempfile.TemporaryDirectory(prefix="acestep-ardour-") as folder:
        return run(Path(folder), wanted.pictures)


def run(folder: Path, pictures: Path | None) -> int:
    """All checks in one session below `folder`."""
    home = folder / "product"
    home.mkdir()
    display = Display()
    setting = Setting(Ardour(folder, display, home, RATE), home, pictures)
    try:
        set_up(setting)
        return 0 if all(check(setting, number) for number in range(len(CHECKS))) else 1
    finally:
        setting.stop()
        display.close()


def set_up(setting: Setting) -> None:
    """Install as a user does, start the daemon and Ardour."""
    ardour = setting.ardour
    ardour.prepare()
    (report,) = install(ArdourOptions(config_folder=ardour.config, home=setting.home), machine(ardour))
    setting.actions = {slot.name: f"LuaAction/script-{slot.number}" for slot in report.slots}
    assert "LuaAction/script-1" not in setting.actions.values()
    setting.settings()
    setting.start_daemon()
    say(f"Ardour up in {ardour.start():.1f} s; {platform.processor() or platform.machine()}, {os.cpu_count()} cores")


def machine(ardour: Ardour) -> Platform:
    """This machine, whatever Ardours others run on it."""
    return Platform(system="Linux", home=ardour.folder / "home")


def check(setting: Setting, number: int) -> bool:
    """One check with its name, and what went wrong."""
    name = CHECKS[number].__name__.replace("_", " ")
    begun = time.monotonic()
    try:
        CHECKS[number](setting)
    except (AssertionError, TimeoutError, RuntimeError, KeyError, StopIteration, ValueError):
        say(f"FAILED {name}")
        traceback.print_exc()
        setting.ardour.picture(setting.ardour.folder / "failed.png")
        return False
    say(f"ok     {name} ({time.monotonic() - begun:.1f} s)")
    return True


if __name__ == "__main__":
    sys.exit(main())
