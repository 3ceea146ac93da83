"""`python -m tests.browser [check|short|pictures|vendor]`: the page in Debian's Chromium.

check      everything that a user can do, in order, with nano at few steps; figures at the end
short      the same but for a few of the slower ones; where something is missing it says so, loudly, and ends with 0
pictures   docs/img/studio-*.png, from the real page
drop       real drags out of a real window: onto Ardour, and onto a window that says which types are offered
vendor     takes the waveform library in again; --version N for another version of it
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
import traceback

from tests.browser.checks import Check
from tests.browser.stage import Stage, what_is_missing


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser", description=__doc__)
    parser.add_argument("what", nargs="?", default="check", choices=("check", "short", "pictures", "drop", "vendor"))
    parser.add_argument("--version", help="vendor: another version of the library")
    options = parser.parse_args()
    if options.what == "vendor":
        from tests.browser.vendor import take_in

        take_in(options.version)
        return 0
    missing = what_is_missing()
    if missing:
        print(f"*** THE PAGE WAS NOT TRIED IN A BROWSER. Missing: {'; '.join(missing)} ***", flush=True)
        return 0 if options.what == "short" else 2
    if options.what == "pictures":
        from tests.browser.pictures import take_all

        return take_all()
    if options.what == "drop":
        from tests.browser.drop import drop

        return drop()
    return check(options.what == "short")


def check(short: bool) -> int:
    """Every check; the first that fails ends it, with a picture of the page as it was."""
    from tests.browser.checks import FULL, SHORT
    from tests.browser.stage import stage

    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(stage())
        except Exception:
            if not short:
                raise
            traceback.print_exc()
            print("*** THE PAGE WAS NOT TRIED IN A BROWSER: it does not start here. ***", flush=True)
            return 0
        made.is_timed = not short
        for one in SHORT if short else FULL:
            if not passes(one, made):
                return 1
        print(json.dumps({name: round(value, 3) for name, value in made.told.items()}))
    return 0


def passes(one: Check, made: Stage) -> bool:
    """Whether a check passes; says how it went."""
    began = time.perf_counter()
    try:
        one(made)
    except Exception:
        traceback.print_exc()
        made.page.screenshot(path="browser-failure.png", full_page=True)
        print(f"FAILED {one.__name__}: browser-failure.png shows the page; it said {made.complaints}", flush=True)
        print(made.gateway.log()[-2000:])
        return False
    print(f"ok {one.__name__.replace('_', ' ')} ({time.perf_counter() - began:.1f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
