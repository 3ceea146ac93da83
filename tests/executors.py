"""`python -m tests.executors [words for pytest]`: one contract over local devices, a linked machine and a Ray cluster.

Then faults: what follows the jobs, and the daemon of either machine, are killed in the middle of jobs; so are actors,
nodes and the driver of a cluster of two nodes on this machine (Ray's own utility), one of which has another version of
the software, or other weights. Takes some minutes; the cluster is skipped where Ray is not installed (the extra `ray`).
A check that stands still says which it is and where each process stands (with py-spy, where that is installed), and
fails.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.support.paths import ROOT

# Ray leaves files of its own open
QUIET = ("-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")
CHECK_SECONDS = 300  # of one check with its fixtures; the longest takes 20 s
WATCHED = ("-p", "tests.support.standstill", "--timeout", str(CHECK_SECONDS))
WAITS = {"ACESTEP_HANG_SECONDS": str(CHECK_SECONDS // 3)}  # what one waits for is told before its check ends


def main(words: list[str]) -> int:
    """Runs pytest over them; its exit status."""
    paths = [
        "tests/bridge/daemon/test_executors.py",
        "tests/support/linked_checks.py",
        "tests/support/cluster_checks.py",
    ]
    command = [sys.executable, "-m", "pytest", "-v", *QUIET, *WATCHED, *paths, *words]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **WAITS}) as pytest:
        signal.signal(signal.SIGTERM, lambda *_: pytest.terminate())  # it ends what it has started
        return pytest.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
