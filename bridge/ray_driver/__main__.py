"""`python -m bridge.ray_driver`, started by the daemon: has a Ray cluster render its jobs until its input ends."""

from __future__ import annotations

import sys

from bridge.engine_process import wire
from bridge.engine_process.child import begin


def main() -> int:
    """Drive the cluster. Gives the exit status."""
    start, line = begin()

    from bridge.ray_driver.driver import Driver

    driver = Driver(line, start)
    while True:
        order = line.orders.get()
        if isinstance(order, wire.Stop):
            driver.close()
            line.close()
            return 0
        driver.obey(order)


if __name__ == "__main__":
    sys.exit(main())
