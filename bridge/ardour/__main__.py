"""`python -m bridge.ardour REQUEST`, started by the scripts in Ardour: puts itself behind, so that Ardour waits for
nothing and the job goes on when Ardour ends."""

from __future__ import annotations

import sys
from pathlib import Path

BEHIND = "--behind"


def main(words: list[str]) -> int:
    """Carry out the request named, in a process of its own."""
    if len(words) == 1 and words[0] != BEHIND:
        return _put_behind(Path(words[0]).absolute())
    if len(words) == 2 and words[0] == BEHIND:
        from bridge.ardour.carry_out import carry_out
        from bridge.ardour.spool import Spool
        from bridge.log import level_of, set_up
        from bridge.log_reading import log_path
        from bridge.protocol.home import home_folder

        set_up(log_path(home_folder(), "ardour"), level_of())
        carry_out(Spool(Path(words[1])), home_folder())
        return 0
    print("usage: python -m bridge.ardour REQUEST", file=sys.stderr)
    return 2


def _put_behind(request: Path) -> int:
    from bridge.client.start import start_detached
    from bridge.protocol.home import home_folder

    start_detached([sys.executable, "-m", "bridge.ardour", BEHIND, str(request)], home_folder(), "ardour")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
