"""`python -m bridge.cli`: the command line where no script of it is on the path, as services start it."""

from __future__ import annotations

from bridge.cli import main

if __name__ == "__main__":
    main()
