"""`python -m bridge.ray_driver`, started by the daemon: has a Ray cluster render its jobs until its input ends."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import msgspec

from bridge.engine_process import wire
from bridge.engine_process.line import Line
from bridge.foreign_text import log_handler


def main() -> int:
    """Drive the cluster. Gives the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides
    logging.basicConfig(level=logging.INFO, handlers=[log_handler()])
    start = msgspec.json.decode(sys.stdin.buffer.readline(), type=wire.Start)
    threading.Thread(target=_end_with_daemon, name="parent", daemon=True).start()
    line = Line(start)

    from bridge.ray_driver.driver import Driver

    driver = Driver(line, start)
    while True:
        order = line.orders.get()
        if isinstance(order, wire.Stop):
            driver.close()
            line.close()
            return 0
        driver.obey(order)


def _end_with_daemon() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
