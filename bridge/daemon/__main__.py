"""`python -m bridge.daemon`."""

from __future__ import annotations

import sys

from bridge.daemon.main import main

if __name__ == "__main__":
    sys.exit(main())
