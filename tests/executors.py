"""`python -m tests.executors [words for pytest]`: one contract over local devices, a linked machine and a Ray cluster.

Then faults: what follows the jobs, and the daemon of either machine, are killed in the middle of jobs; so are actors,
nodes and the driver of a cluster of two nodes on this machine (Ray's own utility), one of which has another version of
the software, or other weights. Takes some minutes; the cluster is skipped where Ray is not installed (the extra `ray`).
"""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

# Ray leaves files of its own open
QUIET = ("-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")


def main(words: list[str]) -> int:
    """Runs pytest over them; its exit status."""
    paths = [
        "tests/bridge/daemon/test_executors.py",
        "tests/support/linked_checks.py",
        "tests/support/cluster_checks.py",
    ]
    return subprocess.run([sys.executable, "-m", "pytest", "-v", *QUIET, *paths, *words], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
