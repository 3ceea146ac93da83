"""`python -m bridge.daemon`; with `--supervise` as the child of a parent that starts it again when it dies."""

from __future__ import annotations

import sys


def run(arguments: list[str]) -> int:
    """The exit status."""
    from bridge.daemon import supervise

    if supervise.OPTION in arguments:
        return supervise.main([word for word in arguments if word != supervise.OPTION])
    from bridge.daemon.main import main

    return main(arguments, in_terminal=sys.stderr is not None and sys.stderr.isatty())


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
