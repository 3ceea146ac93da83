"""For all tests. A shell that starts a command in the background lets it ignore Ctrl+C, and so do its children."""

import os
import signal

import psutil
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")  # examples have 200 ms otherwise

WORKER_BYTES = 1.5e9  # of a process that runs tests, with torch, and of the daemons that it starts
if "PYTEST_XDIST_WORKER" in os.environ:  # torch's threads would take the processors from the other workers
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto`: one worker more than there are processors, since many tests wait, while memory admits them."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors + 1, 8, int(psutil.virtual_memory().available / WORKER_BYTES)))
